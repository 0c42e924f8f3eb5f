import type { UploadSnapshot } from '../upload/snapshot.ts';
import type { Display, Screen } from './display.ts';

const PROGRESS_EVERY_MS = 250;

/**
 * One object per line: `{"type":"state"|"progress","file","state","bytes_uploaded","bytes_total",…}`, with
 * `session_id` and `error` once they are known. No upload address is told: it carries a token.
 */
export function createJsonLines(output: Screen): Display {
  const said = new Map<string, { readonly state: string; readonly at: number }>();
  return {
    show(upload) {
      const before = said.get(upload.id);
      const changed = before?.state !== upload.state;
      if (!changed && Date.now() - (before?.at ?? 0) < PROGRESS_EVERY_MS) return;
      said.set(upload.id, { state: upload.state, at: Date.now() });
      output.write(`${JSON.stringify({ type: changed ? 'state' : 'progress', ...asJson(upload) })}\n`);
    },
    close() {},
  };
}

function asJson(upload: UploadSnapshot): Record<string, unknown> {
  const { session, error } = upload;
  return {
    file: upload.filename,
    state: upload.state,
    bytes_hashed: upload.bytesHashed,
    bytes_uploaded: upload.bytesUploaded,
    bytes_total: upload.bytesTotal,
    bytes_per_second: upload.bytesPerSecond === null ? null : Math.round(upload.bytesPerSecond),
    session_id: session?.sessionId ?? null,
    resumed: session?.resumed ?? false,
    expires_at: session?.expiresAt ?? null,
    error: error && {
      code: error.code,
      message: error.message,
      status: error.status,
      details: error.details,
    },
  };
}
