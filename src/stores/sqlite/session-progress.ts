import type { CommitResult, PartList, Progress, SessionStore, TakeResult } from '../../core/ports.ts';
import { remainingBytes } from '../../core/quota.ts';
import { renewedExpiry, statusAt } from '../../core/session.ts';
import { snapshot } from './cached-accounts.ts';
import { asSeen, type SessionRow, UNTIL_DECIDED } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

type Progressing = Pick<SessionStore, 'find' | 'take' | 'commit'> & PartList;

/** `SessionStore.find`, `take` and `commit`, and `PartList`: reading and feeding a live session. */
export function createSessionProgress(tables: SessionTables): Progressing {
  const { db, clock, sessions, parts, reservations, accounts } = tables;

  function take(sessionId: string, writer: string): TakeResult {
    const now = clock.now();
    const row = sessions.get(sessionId, now);
    if (!row) return { kind: 'not_found' };
    if (statusAt(row, now) !== 'active') return { kind: 'ended', session: asSeen(row, now) };
    const taken = sessions.saveWriter({ ...row, epoch: row.epoch + 1, writer });
    return { kind: 'taken', session: asSeen(taken, now), previousWriter: row.writer };
  }

  function commit(sessionId: string, epoch: number, progress: Progress): CommitResult {
    const now = clock.now();
    const row = sessions.get(sessionId, now);
    if (!row) return { kind: 'not_found' };
    if (statusAt(row, now) !== 'active') return { kind: 'ended', session: asSeen(row, now) };
    if (row.epoch !== epoch) return { kind: 'fenced' };
    if (row.sealed) {
      // The same commit once more (its reply was lost) is no change; any other would change sealed bytes.
      const same = progress.offset === row.uploadOffset && !progress.restart;
      return same ? { kind: 'committed', session: asSeen(row, now) } : { kind: 'fenced' };
    }

    const changed = advanced(row, progress, now);
    if (changed.reservedBytes > row.reservedBytes) {
      const refusal = growthRefusal(row, changed.reservedBytes, now);
      if (refusal) return refusal;
    }
    if (progress.restart) parts.removeAll(sessionId);
    parts.add(sessionId, progress.parts ?? []);
    return { kind: 'committed', session: asSeen(sessions.save(changed), now) };
  }

  /** Null where the user's quota has room for the larger reservation. */
  function growthRefusal(row: SessionRow, wantedBytes: number, now: number): CommitResult | null {
    const { userId, sessionId, reservedBytes } = row;
    reservations.lapse(userId, now);
    const account = accounts.get(userId);
    const holdings = reservations.of(userId, now);
    const quota = account
      ? snapshot(account, holdings)
      : { limitBytes: 0, usedBytes: 0, ...holdings, resetAt: now };
    // Nothing can be promised on it; reading the quota loads it anew, so trying again helps at once.
    if (!account || account.stale) return { kind: 'quota_exceeded', quota, retryAt: now, now };
    const missing = wantedBytes - reservedBytes - remainingBytes(quota);
    if (missing <= 0) return null;
    const retryAt = reservations.freeAt(userId, missing, account.periodEnd, now, sessionId);
    return { kind: 'quota_exceeded', quota, retryAt, now };
  }

  return {
    find: (sessionId) =>
      db.read(() => {
        const now = clock.now();
        const row = sessions.get(sessionId, now);
        return row && asSeen(row, now);
      }),
    parts: (sessionId) => db.read(() => (sessions.get(sessionId, clock.now()) ? parts.of(sessionId) : [])),
    take: (sessionId, writer) => db.write(() => take(sessionId, writer)),
    commit: (sessionId, epoch, progress) => {
      const work = () => commit(sessionId, epoch, progress);
      // Before the ledger settles, the seal must be there for good: ending an unsealed session asks nobody,
      // so a seal lost in a power cut could cost the bytes of an upload that was counted.
      return progress.seal ? db.writeDurably(work) : db.write(work);
    },
  };
}

/** The row after this progress, if the quota allows it. */
function advanced(row: SessionRow, progress: Progress, now: number): SessionRow {
  const restart = progress.restart ?? false;
  // A commit that was overtaken by a later one of the same writer takes nothing back.
  const uploadOffset = restart ? progress.offset : Math.max(progress.offset, row.uploadOffset);
  const bytesCame = uploadOffset > row.uploadOffset || (restart && uploadOffset > 0);
  const renewed = renewedExpiry(now, row.createdAt, row.ttlMs, row.maxLifetimeMs);
  const expiresAt = bytesCame ? Math.max(renewed, row.expiresAt) : row.expiresAt;
  const known = restart ? { uploadLength: row.expectedFileSize, detectedFormat: null } : row;
  const sealed = progress.seal ?? false;
  return {
    ...row,
    uploadOffset,
    uploadLength: known.uploadLength ?? progress.length ?? null,
    detectedFormat: progress.detectedFormat ?? known.detectedFormat,
    storage: progress.storage ?? row.storage,
    sealed,
    sha256: row.sha256 ?? (sealed ? (progress.sha256 ?? null) : null),
    expiresAt,
    dueAt: expiresAt,
    reservedBytes: Math.max(progress.reserve ?? row.reservedBytes, uploadOffset),
    reservedUntil: sealed ? UNTIL_DECIDED : expiresAt,
  };
}
