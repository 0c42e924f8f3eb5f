import type { Session } from '../core/session.ts';
import type { Cancellation } from '../core/session-list.ts';

/**
 * A session as administrators see it: what it holds and since when. Not what the user told about the file, and
 * no `upload_url`, which would let them upload in his place.
 */
export function adminSessionView(session: Session) {
  return {
    session_id: session.sessionId,
    user_id: session.userId,
    status: session.status,
    created_at: new Date(session.createdAt).toISOString(),
    expires_at: new Date(session.expiresAt).toISOString(),
    reserved_bytes: session.reservedBytes,
    upload_offset: session.uploadOffset,
    upload_length: session.uploadLength,
    file_format: session.detectedFormat ?? session.fileFormat,
  };
}

/** All there is to know of one session when its upload gives trouble. `writer` is the instance that wrote last. */
export function adminSessionDetail(session: Session) {
  const { completedAt } = session;
  return {
    ...adminSessionView(session),
    verifying: session.status === 'active' && session.sealed,
    writer: session.writer,
    writer_epoch: session.epoch,
    completed_at: completedAt === null ? null : new Date(completedAt).toISOString(),
    sha256: session.contentSha256,
    failure: session.failure,
  };
}

export function cancellationView({ sessionId, userId, result }: Cancellation) {
  return { session_id: sessionId, user_id: userId, result };
}
