import type { SessionStatus } from '../api/types.ts';

/** A file as the list of sessions can know it. */
export interface FileIdentity {
  readonly filename: string;
  readonly size: number;
}

/**
 * The sessions, newest first, that may have been begun with this very file: same name, same size. A name and a
 * size prove little; where the session declared a digest, the caller compares it as well.
 */
export function resumableSessions(sessions: readonly SessionStatus[], file: FileIdentity): SessionStatus[] {
  return sessions.filter(
    (session) =>
      session.status === 'active' &&
      session.upload_url !== null &&
      session.filename === file.filename &&
      lengthOf(session) === file.size,
  );
}

/** Length of the whole file as far as the session knows it. */
export function lengthOf(session: SessionStatus): number | null {
  return session.upload_length ?? session.expected_file_size;
}
