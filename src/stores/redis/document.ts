import type { SessionDraft } from '../../core/session.ts';

/**
 * The document: what is fixed about a session and of no interest to the scripts. One line of maximum (in base 36),
 * format, name, digest, metadata and concatenation up to the last one given, with tabs between them; then the
 * dashboard's context byte for byte. A million of them may be kept, so there are no names and no quotes. The declared
 * size is not in it: it stands in the state, since a commit must see it.
 */
export interface Document extends Omit<SessionDraft, 'expectedFileSize'> {
  /** Bytes; null where nobody knows any more. */
  readonly maxFileSize: number | null;
}

/** Once the document's TTL is over, all that is left is that there was a session. */
const FORGOTTEN: Document = {
  maxFileSize: null,
  dashboardContext: '{}',
  fileFormat: null,
  filename: null,
  sha256: null,
  uploadMetadata: null,
};

const BASE = 36;
/** An empty text, which is not the same as none. */
const EMPTY = '""';

export function encodeDocument(document: Document): string {
  const { maxFileSize, dashboardContext, fileFormat, filename, sha256, uploadMetadata } = document;
  const { uploadConcat = null } = document;
  const maximum = maxFileSize?.toString(BASE) ?? null;
  const fields = [maximum, fileFormat, filename, sha256, uploadMetadata, uploadConcat];
  const given = fields.slice(0, fields.findLastIndex((field) => field !== null) + 1);
  return `${given.map(encodeField).join('\t')}\n${dashboardContext}`;
}

export function decodeDocument(stored: string | null): Document {
  if (stored === null) return FORGOTTEN;
  const end = stored.indexOf('\n');
  const [maximum, ...fields] = stored.slice(0, end).split('\t').map(decodeField);
  const [fileFormat = null, filename = null, sha256 = null, uploadMetadata = null, uploadConcat = null] =
    fields;
  return {
    maxFileSize: maximum ? Number.parseInt(maximum, BASE) : null,
    dashboardContext: stored.slice(end + 1),
    ...{ fileFormat, filename, sha256, uploadMetadata },
    ...(uploadConcat !== null && { uploadConcat }),
  };
}

/** As in JSON, without the quotes around it: no tab and no end of line is left. */
function encodeField(text: string | null): string {
  if (text === null) return '';
  return text === '' ? EMPTY : JSON.stringify(text).slice(1, -1);
}

function decodeField(field: string): string | null {
  if (field === '') return null;
  if (field === EMPTY) return '';
  return field.includes('\\') ? String(JSON.parse(`"${field}"`)) : field;
}
