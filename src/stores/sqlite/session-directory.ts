import type { SessionDirectory } from '../../core/ports.ts';
import { text } from '../sql/columns.ts';
import type { SessionTables } from './session-tables.ts';

/** `SessionDirectory`: users in the order of their ids. */
export function createSessionDirectory({ db, clock, reservations }: SessionTables): SessionDirectory {
  const selectUsers = db.prepare(
    `SELECT DISTINCT user_id FROM sessions WHERE reserved_until IS NOT NULL AND user_id > ?
     ORDER BY user_id LIMIT ?`,
  );
  return {
    reservingUsers: (after, limit) =>
      db.read(() => selectUsers.all(after ?? '', limit).map((row) => text(row, 'user_id'))),
    holdings: (userIds) =>
      db.read(() => {
        const now = clock.now();
        return userIds.map((userId) => reservations.of(userId, now));
      }),
  };
}
