import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import type { LimitChange } from '../core/bulk-quotas.ts';
import { parseUuid } from '../core/session-id.ts';
import { parseSize } from './sizes.ts';

/**
 * Limits of many users as a CSV file (RFC 4180): a line `user_id,quota_limit`, then one for each user. A limit is
 * a number of bytes, a size such as `50GiB`, or `default`. All of the file is looked at before anything is done.
 */

/** Bounds of one file: what is beyond them is to be cut into several. */
export const MAX_QUOTA_FILE_BYTES = 8 << 20;
export const MAX_QUOTA_LINES = 100_000;

const COLUMNS = ['user_id', 'quota_limit'] as const;
const FOLLOWS_DEFAULT = 'default';
/** More faults than anybody reads at once. */
const MAX_FAULTS = 64;
/** Bytes of one line: a UUID and a size, quoted, with room for blanks. */
const MAX_LINE_BYTES = 256;

export interface LineFault {
  /** From 1; the line of names is the first. */
  readonly line: number;
  readonly message: string;
}

export type QuotaFile =
  | { readonly ok: true; readonly changes: readonly LimitChange[] }
  /** `count`: how many there are; `faults` are the first of them. */
  | { readonly ok: false; readonly faults: readonly LineFault[]; readonly count: number };

/** @param text at most `MAX_QUOTA_FILE_BYTES`. */
export function readQuotaFile(text: string, maxLines = MAX_QUOTA_LINES): QuotaFile {
  const records = readRecords(text);
  if ('fault' in records) return faulty([records.fault]);
  const [names, ...lines] = records;
  if (names === undefined || names.fields.join() !== COLUMNS.join()) {
    return faulty([{ line: 1, message: `the first line must be ${COLUMNS.join()}` }]);
  }
  if (lines.length === 0) return faulty([{ line: 2, message: 'there are no users in the file' }]);
  if (lines.length > maxLines) {
    return faulty([{ line: maxLines + 2, message: `one file takes ${maxLines} users: cut it into several` }]);
  }
  return readChanges(lines);
}

interface Line {
  readonly line: number;
  readonly fields: readonly string[];
}

function readRecords(text: string): readonly Line[] | { readonly fault: LineFault } {
  try {
    const records: Line[] = [];
    parse(text, {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: MAX_LINE_BYTES,
      on_record: (fields: string[], { lines }) => {
        records.push({ line: lines, fields });
        return null;
      },
    });
    return records;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? error.lines : 1;
    return { fault: { line, message: `not CSV: ${FAULTS[error.code] ?? 'it cannot be read'}` } };
  }
}

const FAULTS: Readonly<Record<string, string>> = {
  CSV_MAX_RECORD_SIZE: `a line is longer than ${MAX_LINE_BYTES} bytes, or a quote is not closed`,
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed',
  CSV_INVALID_CLOSING_QUOTE: 'there is something behind a closing quote',
  INVALID_OPENING_QUOTE: 'there is a quote in the middle of a value',
};

function readChanges(lines: readonly Line[]): QuotaFile {
  const changes: LimitChange[] = [];
  const faults: LineFault[] = [];
  const firstLines = new Map<string, number>();
  for (const { line, fields } of lines) {
    const [user = '', limit = ''] = fields;
    const userId = parseUuid(user);
    const limitBytes = limit === FOLLOWS_DEFAULT ? null : parseSize(limit);
    const earlier = userId === null ? undefined : firstLines.get(userId);
    if (fields.length !== COLUMNS.length) {
      faults.push({ line, message: `must have ${COLUMNS.length} values, not ${fields.length}` });
    }
    if (userId === null) faults.push({ line, message: 'user_id must be a UUID in its 36-character form' });
    if (limitBytes === null && limit !== FOLLOWS_DEFAULT) {
      faults.push({ line, message: 'quota_limit must be bytes, a size such as 50GiB, or default' });
    }
    if (earlier !== undefined) {
      faults.push({ line, message: `the user stands in line ${earlier} already` });
    }
    if (userId === null) continue;
    firstLines.set(userId, earlier ?? line);
    changes.push({ line, userId, limitBytes });
  }
  return faults.length > 0 ? faulty(faults) : { ok: true, changes };
}

function faulty(faults: readonly LineFault[]): QuotaFile {
  return { ok: false, faults: faults.slice(0, MAX_FAULTS), count: faults.length };
}
