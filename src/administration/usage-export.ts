import { stringify } from 'csv-stringify/sync';
import type { ListedUser } from '../core/user-list.ts';

/** All users with their usage, as a file: one line for each, in the order of user ids. */

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/jsonl; charset=utf-8',
};

const COLUMNS = [
  'user_id',
  'quota_limit',
  'limit_source',
  'quota_used',
  'quota_reserved',
  'quota_remaining',
  'usage_percentage',
  'reset_date',
  'active_sessions',
] as const satisfies readonly (keyof ListedUser)[];

/** The file as text, one piece for each page of users; nothing is held longer than that. */
export async function* usageFile(
  pages: AsyncIterable<readonly ListedUser[]>,
  format: ExportFormat,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvLines([COLUMNS]);
  for await (const users of pages) {
    const rows = users.map((user) => COLUMNS.map((column) => user[column]));
    yield format === 'csv' ? csvLines(rows) : rows.map(jsonLine).join('');
  }
}

function jsonLine(values: readonly unknown[]): string {
  return `${JSON.stringify(Object.fromEntries(COLUMNS.map((column, at) => [column, values[at]])))}\n`;
}

/**
 * RFC 4180, with its CRLF. Spreadsheets run a cell that begins with =, +, - or @ as a formula: such a value is
 * given an apostrophe (OWASP, "CSV injection").
 */
export function csvLines(rows: readonly (readonly unknown[])[]): string {
  return stringify(
    rows.map((row) => [...row]),
    { escape_formulas: true, record_delimiter: 'windows' },
  );
}
