import type { Admission } from './ports.ts';
import { renewedExpiry, type Session } from './session.ts';

/** The session that an admission has just made, in every store. `now`: the store's clock, in epoch ms. */
export function newSession(admission: Admission, now: number, reservedBytes: number): Session {
  const { sessionId, userId, draft, requestedBytes, maxFileSize, ttlMs, maxLifetimeMs } = admission;
  return {
    ...draft,
    sessionId,
    userId,
    status: 'active',
    createdAt: now,
    expiresAt: renewedExpiry(now, now, ttlMs, maxLifetimeMs),
    // Where no size was told, what could be reserved is all that may come.
    maxFileSize: requestedBytes === null ? reservedBytes : maxFileSize,
    reservedBytes,
    uploadOffset: 0,
    uploadLength: draft.expectedFileSize,
    epoch: 0,
    writer: null,
    sealed: false,
    storage: null,
    detectedFormat: null,
    contentSha256: null,
    completedAt: null,
    failure: null,
  };
}
