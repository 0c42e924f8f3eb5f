import type { DueSessions } from '../../core/ports.ts';
import { type Session, statusAt } from '../../core/session.ts';
import { ended, REMEMBERED_MS } from './session-endings.ts';
import { asSeen, type SessionRow, toSessionRow } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

/** An expired session still answers `expired` for so long, in ms. */
const EXPIRED_REMEMBERED_MS = 3_600_000;
/** Rows of each table that one round removes: short transactions, while the sweeper comes by often. */
const PURGE_BATCH = 1_000;

/** A place in the order of due sessions. */
interface Place {
  readonly dueAt: number;
  readonly sessionId: string;
}
const START: Place = { dueAt: -1, sessionId: '' };

/** `DueSessions`, and the end of everything that this file remembers. */
export function createSessionSweeping(tables: SessionTables): DueSessions {
  const { db, clock, sessions } = tables;
  const selectBehind = db.prepare(
    `SELECT * FROM sessions WHERE due_at <= ?1 AND (due_at, session_id) > (?2, ?3)
     ORDER BY due_at, session_id LIMIT ?4`,
  );
  /** The last one that was handed out. */
  let cursor = START;
  const purges = [
    `DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE purge_at <= ? LIMIT ${PURGE_BATCH})`,
    `DELETE FROM idempotency_keys WHERE (user_id, key) IN
       (SELECT user_id, key FROM idempotency_keys WHERE expires_at <= ? LIMIT ${PURGE_BATCH})`,
    `DELETE FROM cached_accounts WHERE user_id IN
       (SELECT user_id FROM cached_accounts WHERE purge_at <= ? LIMIT ${PURGE_BATCH})`,
  ].map((sql) => db.prepare(sql));

  function expire(sessionIds: readonly string[]): Set<string> {
    const now = clock.now();
    const own = new Set<string>();
    for (const sessionId of sessionIds) {
      const row = sessions.get(sessionId, now);
      if (!row || row.endedAt !== null || statusAt(row, now) !== 'expired') continue;
      sessions.save(ended(row, { status: 'expired', failure: null }, now));
      own.add(sessionId);
    }
    return own;
  }

  function forget(sessionId: string, now: number): void {
    const row = sessions.get(sessionId, now);
    if (!row || row.purgeAt !== null) return;
    const status = statusAt(row, now);
    const isHeld = row.endedAt !== null && row.reservedUntil !== null && row.reservedUntil > now;
    if (status === 'active' || isHeld) return;
    sessions.save({
      ...row,
      status,
      endedAt: row.endedAt ?? now,
      reservedBytes: 0,
      reservedUntil: null,
      dueAt: null,
      purgeAt:
        status === 'expired' ? now + EXPIRED_REMEMBERED_MS : Math.max(row.expiresAt, now + REMEMBERED_MS),
    });
  }

  function dueBehind(place: Place, limit: number, now: number): SessionRow[] {
    return selectBehind.all(now, place.dueAt, place.sessionId, limit).map(toSessionRow);
  }

  /**
   * The longest due first, and each call goes on where the one before stopped: sessions that stay due (their
   * bytes cannot be deleted now) never keep the sweeper from the others.
   */
  function due(limit: number): Session[] {
    const now = clock.now();
    const found = dueBehind(cursor, limit, now);
    const last = found.length === limit ? found.at(-1) : undefined;
    if (!last && cursor !== START) found.unshift(...dueBefore(cursor, limit - found.length, now));
    cursor = last ? { dueAt: last.dueAt ?? 0, sessionId: last.sessionId } : START;
    return found.map((row) => asSeen(row, now));
  }

  /** From the start of the list up to that place. */
  function dueBefore(place: Place, limit: number, now: number): SessionRow[] {
    return dueBehind(START, limit, now).filter((row) => !isBehind(row, place));
  }

  function purge(): void {
    const now = clock.now();
    for (const statement of purges) statement.run(now);
  }

  return {
    due: async (limit) => {
      await db.write(purge);
      return db.read(() => due(limit));
    },
    expire: (sessionIds) => db.write(() => expire(sessionIds)),
    forget: (...sessionIds) =>
      db.write(() => {
        const now = clock.now();
        for (const sessionId of sessionIds) forget(sessionId, now);
      }),
  };
}

function isBehind(row: SessionRow, place: Place): boolean {
  const dueAt = row.dueAt ?? 0;
  return dueAt === place.dueAt ? row.sessionId > place.sessionId : dueAt > place.dueAt;
}
