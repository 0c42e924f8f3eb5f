import { createReadStream } from 'node:fs';
import { MAX_QUOTA_FILE_BYTES, readQuotaFile } from '../administration/quota-file.ts';
import { lineReport, summaryOf } from '../administration/quota-report.ts';
import type { Config } from '../config.ts';
import type { LimitChange, LimitChangeReport } from '../core/bulk-quotas.ts';
import { auditQuotaFile } from '../log/audit-administration.ts';
import { EXIT, failure, print } from './command.ts';
import { withUploads } from './with-uploads.ts';

interface Options {
  /** `-` for standard input. */
  readonly file: string;
  readonly dryRun: boolean;
  readonly json: boolean | undefined;
}

/** Gives the exit code. With `json` each line is a JSON object, and the last one the summary. */
export async function importQuotas(config: () => Config, { file, dryRun, json }: Options): Promise<number> {
  const read = readQuotaFile(await textOf(file));
  if (!read.ok) {
    const { faults, count } = read;
    const more = count > faults.length ? `\n… and ${count - faults.length} more` : '';
    const lines = faults.map(({ line, message }) => `line ${line}: ${message}`).join('\n');
    print(json, { ok: false, faults, count }, `Nothing was changed, the file has faults:\n${lines}${more}`);
    return EXIT.failed;
  }

  let summary = summaryOf([]);
  await withUploads(config(), async ({ administration, audit, by }) => {
    for await (const reports of administration.quotas.apply(read.changes, { dryRun })) {
      if (!dryRun) auditQuotaFile(audit, { by, reports });
      summary = summaryOf(reports, summary);
      for (const report of reports) tell(report);
    }
  });
  const { changed, unchanged, failed, not_tried: notTried } = summary;
  const missing = failed + notTried > 0 ? `, ${failed} failed, ${notTried} not tried: do it again` : '';
  const text = `${changed} ${dryRun ? 'would be changed' : 'changed'}, ${unchanged} as they were${missing}.`;
  print(json, { dry_run: dryRun, ...summary }, text);
  return failed > 0 ? EXIT.unavailable : EXIT.ok;

  function tell(report: LimitChangeReport): void {
    if (json) print(json, lineReport(report), '');
    else if (report.result !== 'unchanged') process.stdout.write(`${describe(report, dryRun)}\n`);
  }
}

function describe(report: LimitChangeReport, dryRun: boolean): string {
  const { line, userId, result, previous, known, error } = report;
  const what = dryRun && result === 'changed' ? 'would change' : result.replace('_', ' ');
  const stranger = known ? '' : '  (never seen before)';
  const from = result === 'changed' ? `  ${limitText({ limitBytes: previous })} -> ${limitText(report)}` : '';
  return `line ${line}  ${userId}  ${what}${from}${stranger}${error === undefined ? '' : `: ${error}`}`;
}

function limitText({ limitBytes }: Pick<LimitChange, 'limitBytes'>): string {
  return limitBytes === null ? 'default' : String(limitBytes);
}

/** The whole file, as far as one is taken: what is larger is not read to its end. */
async function textOf(file: string): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of file === '-' ? process.stdin : createReadStream(file)) {
      size += piece.length;
      if (size > MAX_QUOTA_FILE_BYTES) {
        throw failure(
          EXIT.failed,
          `The file is larger than ${MAX_QUOTA_FILE_BYTES} bytes: cut it into several.`,
        );
      }
      pieces.push(piece);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw failure(EXIT.failed, 'The file must be UTF-8.');
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      throw failure(EXIT.failed, `The file ${JSON.stringify(file)} cannot be read (${code}).`);
    }
    throw error;
  }
}
