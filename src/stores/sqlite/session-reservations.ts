import type { Holdings } from '../../core/ports.ts';
import { integer, text } from '../sql/columns.ts';
import type { Database } from './database.ts';
import { UNTIL_DECIDED } from './session-rows.ts';

/**
 * What a user has reserved: always the sum over the rows that own it, never a counter beside them. With at
 * most some hundred sessions per user one covering index answers it in microseconds.
 */
export function createReservations(db: Database) {
  const sum = db.prepare(
    `SELECT coalesce(sum(reserved_bytes), 0) AS reserved, coalesce(sum(status = 'active'), 0) AS active
     FROM sessions WHERE user_id = ? AND reserved_until > ?`,
  );
  const byEnd = db.prepare(
    `SELECT session_id, reserved_bytes, reserved_until, status FROM sessions
     WHERE user_id = ? AND reserved_until > ? AND reserved_until < ${UNTIL_DECIDED} ORDER BY reserved_until`,
  );
  const sealed = db.prepare(
    `SELECT session_id FROM sessions WHERE user_id = ? AND reserved_until = ${UNTIL_DECIDED}`,
  );
  const lapse = db.prepare(
    `UPDATE sessions SET reserved_bytes = 0, reserved_until = NULL,
       status = CASE status WHEN 'active' THEN 'expired' ELSE status END
     WHERE user_id = ? AND reserved_until <= ?`,
  );

  return {
    of(userId: string, now: number): Holdings {
      const row = sum.get(userId, now);
      return row
        ? { reservedBytes: integer(row, 'reserved'), activeSessions: integer(row, 'active') }
        : { reservedBytes: 0, activeSessions: 0 };
    },

    /** Sessions that only the ledger or their own completion can end: all bytes are stored. */
    sealedOf(userId: string): string[] {
      return sealed.all(userId).map((row) => text(row, 'session_id'));
    },

    /**
     * Write down whose time is over, before what that frees is promised to others: should the clock step
     * back, those sessions must not come to life again.
     */
    lapse(userId: string, now: number): void {
      lapse.run(userId, now);
    },

    /**
     * The earliest moment at which `missing` more bytes could be free: own reservations end one after the
     * other, or the period does. `except` does not count: it is the session that asks.
     */
    freeAt(userId: string, missing: number, periodEnd: number, now: number, except?: string): number {
      let left = missing;
      for (const row of byEnd.all(userId, now)) {
        if (text(row, 'session_id') !== except) left -= integer(row, 'reserved_bytes');
        if (left <= 0) return Math.min(integer(row, 'reserved_until'), periodEnd);
      }
      return periodEnd;
    },

    /** When the first live session ends if nobody feeds it; `now` where all are sealed and may end any moment. */
    slotFreeAt(userId: string, now: number): number {
      const first = byEnd.all(userId, now).find((row) => text(row, 'status') === 'active');
      return first ? integer(first, 'reserved_until') : now;
    },
  };
}
