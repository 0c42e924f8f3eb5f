import type { SessionDraft } from '../../core/session.ts';

/**
 * The document: what is fixed about a session and of no interest to the scripts. One line of JSON with what
 * was given, then the dashboard's context byte for byte; quoting that a second time would cost memory. The
 * declared size is not in it: it stands in the state, since a commit must see it.
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
  const given = {
    format: document.fileFormat ?? undefined,
    name: document.filename ?? undefined,
    sha256: document.sha256 ?? undefined,
    meta: document.uploadMetadata ?? undefined,
  };
  return `${JSON.stringify(given)}\n${document.dashboardContext}`;
}

export function decodeDocument(stored: string | null): Document {
  if (stored === null) return FORGOTTEN;
  const end = stored.indexOf('\n');
  const given: unknown = JSON.parse(stored.slice(0, end));
  const member = (name: string): string | null => {
    if (typeof given !== 'object' || given === null) return null;
    const value = new Map(Object.entries(given)).get(name);
    return typeof value === 'string' ? value : null;
  };
  return {
    dashboardContext: stored.slice(end + 1),
    fileFormat: member('format'),
    filename: member('name'),
    sha256: member('sha256'),
    uploadMetadata: member('meta'),
  };
}
