import type { IncomingHttpHeaders } from 'node:http';

/** The languages that the upload resource speaks, all over one engine. */
export type DialectName = 'plain' | 'tus' | 'ietf';

/** Which one a request speaks, by the headers that only one of them knows. */
export function dialectOf(headers: IncomingHttpHeaders): DialectName {
  if (headers['tus-resumable'] !== undefined) return 'tus';
  if (headers['upload-complete'] !== undefined || headers['upload-draft-interop-version'] !== undefined) {
    return 'ietf';
  }
  return 'plain';
}
