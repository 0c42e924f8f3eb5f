import type { Clock } from '../../core/ports.ts';
import { createCachedAccounts } from './cached-accounts.ts';
import type { Database } from './database.ts';
import { createSessionParts } from './session-parts.ts';
import { createReservations } from './session-reservations.ts';
import { createSessionRows } from './session-rows.ts';

/** What the operations on sessions are made of. */
export function createSessionTables(db: Database, clock: Clock) {
  return {
    db,
    clock,
    sessions: createSessionRows(db),
    parts: createSessionParts(db),
    reservations: createReservations(db),
    accounts: createCachedAccounts(db, clock.now()),
  };
}

export type SessionTables = ReturnType<typeof createSessionTables>;
