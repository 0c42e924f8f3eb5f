import type { SessionDraft } from '../../core/session.ts';

/**
 * The document: what is fixed about a session and of no interest to the scripts. One line of JSON, a list of
 * format, name, digest, metadata and concatenation up to the last one given, then the dashboard's context byte for byte;
 * quoting that a second time would cost memory. The declared size is not in it: it stands in the state, since
 * a commit must see it.
 */
export type Document = Omit<SessionDraft, 'expectedFileSize'>;

/** Once the document's TTL is over, all that is left is that there was a session. */
const FORGOTTEN: Document = {
  dashboardContext: '{}',
  fileFormat: null,
  filename: null,
  sha256: null,
  uploadMetadata: null,
};

export function encodeDocument(document: Document): string {
  const { dashboardContext, fileFormat, filename, sha256, uploadMetadata, uploadConcat = null } = document;
  const fields = [fileFormat, filename, sha256, uploadMetadata, uploadConcat];
  const given = fields.slice(0, fields.findLastIndex((field) => field !== null) + 1);
  return `${JSON.stringify(given)}\n${dashboardContext}`;
}

export function decodeDocument(stored: string | null): Document {
  if (stored === null) return FORGOTTEN;
  const end = stored.indexOf('\n');
  const given: unknown = JSON.parse(stored.slice(0, end));
  const fields: unknown[] = Array.isArray(given) ? given : [];
  const uploadConcat = textOrNull(fields[4]);
  return {
    dashboardContext: stored.slice(end + 1),
    fileFormat: textOrNull(fields[0]),
    filename: textOrNull(fields[1]),
    sha256: textOrNull(fields[2]),
    uploadMetadata: textOrNull(fields[3]),
    ...(uploadConcat !== null && { uploadConcat }),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
