import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KnownAccounts } from '../../core/ports.ts';
import { text } from '../sql/columns.ts';
import { UNTIL_DECIDED } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

const BATCH = 256;

/** `KnownAccounts`. What is reserved is always summed up from the sessions here: no sum can disagree. */
export function createKnownAccounts({ db }: SessionTables): KnownAccounts {
  const select = db.prepare(
    `SELECT user_id FROM cached_accounts WHERE user_id > ?1
     UNION SELECT user_id FROM sessions WHERE user_id > ?1 AND reserved_until = ${UNTIL_DECIDED}
     ORDER BY user_id LIMIT ${BATCH}`,
  );
  return {
    async *knownAccounts() {
      let last = '';
      for (;;) {
        // Reading never leaves the turn of the event loop by itself, and requests want their turns too.
        await nextTurn();
        const users = await db.read(() => select.all(last).map((row) => text(row, 'user_id')));
        const next = users.at(-1);
        if (next === undefined) return;
        yield users;
        last = next;
      }
    },
    recount: async () => null,
  };
}
