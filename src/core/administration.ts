import { createAccountBook } from './account-book.ts';
import { type BulkQuotas, createBulkQuotas } from './bulk-quotas.ts';
import type { Outcome } from './errors.ts';
import type { AccountDirectory, Accounts, Ledger, SessionDirectory, SessionStore } from './ports.ts';
import type { Session } from './session.ts';
import { createSessionList, type SessionList } from './session-list.ts';
import { createUserList, type UserList } from './user-list.ts';

/** What administrators can do with many users and sessions at once. */
export interface Administration {
  readonly users: UserList;
  readonly quotas: BulkQuotas;
  readonly sessions: SessionList;
}

export function createAdministration(deps: {
  readonly ledger: Ledger & AccountDirectory;
  readonly store: SessionStore & Accounts & SessionDirectory;
  readonly maxActiveSessions: number;
  /** Stops whoever writes the session, then ends it. */
  readonly cancel: (session: Session) => Promise<Outcome<Session>>;
}): Administration {
  return {
    users: createUserList(deps),
    quotas: createBulkQuotas({ ...deps, accountBook: createAccountBook(deps) }),
    sessions: createSessionList(deps),
  };
}
