import type { Completion, Ending, EndResult, SessionStore } from '../../core/ports.ts';
import { type Session, statusAt } from '../../core/session.ts';
import { asSeen, type SessionRow } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

/** An ended session answers at least so long with how it ended, in ms, whatever its expiry was. */
export const REMEMBERED_MS = 600_000;

/** `SessionStore.finish` and `end`: the two ways out of `active`. */
export function createSessionEndings(tables: SessionTables): Pick<SessionStore, 'finish' | 'end'> {
  const { db, clock, sessions, accounts } = tables;

  function finish(sessionId: string, completion: Completion): Session | null {
    const now = clock.now();
    const row = sessions.get(sessionId, now);
    if (!row || row.status === 'completed') return row && asSeen(row, now);
    if (row.endedAt !== null) {
      // It ended otherwise here, which an ended session never takes back; but the ledger counted it.
      accounts.doubt(row.userId, completion, now);
      return asSeen(row, now);
    }
    accounts.follow(row.userId, completion, now);
    return asSeen(sessions.save(completed(row, completion, now)), now);
  }

  function end(sessionId: string, ending: Ending): EndResult {
    const now = clock.now();
    const row = sessions.get(sessionId, now);
    if (!row) return { kind: 'not_found' };
    if (row.endedAt !== null) return { kind: 'already', session: asSeen(row, now) };
    if (row.sealed && !ending.voided) return { kind: 'sealed', session: asSeen(row, now) };
    // Past its time it has expired and is nothing else any more. Only the sweeper's word makes that its
    // state, so that the sweeper is the one who tells of it.
    if (ending.status !== 'expired' && statusAt(row, now) === 'expired') {
      return { kind: 'already', session: asSeen(row, now) };
    }
    return { kind: 'ended', session: asSeen(sessions.save(ended(row, ending, now)), now) };
  }

  return {
    finish: (sessionId, completion) => db.write(() => finish(sessionId, completion)),
    end: (sessionId, ending) => db.write(() => end(sessionId, ending)),
  };
}

function completed(row: SessionRow, completion: Completion, now: number): SessionRow {
  return {
    ...row,
    status: 'completed',
    reservedBytes: 0,
    reservedUntil: null,
    uploadOffset: completion.bytes,
    uploadLength: completion.bytes,
    sealed: true,
    detectedFormat: completion.detectedFormat ?? row.detectedFormat,
    contentSha256: completion.contentSha256,
    completedAt: completion.completedAt,
    endedAt: now,
    dueAt: null,
    purgeAt: Math.max(row.expiresAt, now + REMEMBERED_MS),
  };
}

/** The session as it is once `ending` has happened to it. */
export function ended(row: SessionRow, ending: Ending, now: number): SessionRow {
  const holdUntil = ending.holdReservationUntil ?? 0;
  const held = holdUntil > now && row.reservedBytes > 0;
  return {
    ...row,
    status: ending.status,
    epoch: row.epoch + 1,
    failure: ending.failure,
    reservedBytes: held ? row.reservedBytes : 0,
    reservedUntil: held ? holdUntil : null,
    endedAt: now,
    // The bytes can go once nobody can send any more.
    dueAt: held ? holdUntil : Math.min(now, row.expiresAt),
  };
}
