import type { Account } from '../quota.ts';

/** What users are listed by. `usage` is the share of the limit that is used; a limit of zero counts as full. */
export type UserOrder = 'user' | 'used' | 'usage' | 'limit';

/** Place in a list: its user, and the number he was ordered by. */
export interface UserPlace {
  readonly rank: number;
  readonly userId: string;
}

export interface UsersQuery {
  readonly order: UserOrder;
  readonly descending: boolean;
  /** 1 or more. */
  readonly limit: number;
  /** Only users behind this place; null from the start. */
  readonly after: UserPlace | null;
}

/** An account as lists show it: in the period that is current now, without that anything is written. */
export interface ListedAccount extends Account {
  /** An administrator has set the limit; else it is the configured default. */
  readonly hasOwnLimit: boolean;
  /** The number it was ordered by; 0 where that was the user. */
  readonly rank: number;
}

/** All accounts of the ledger. Each call is one statement, so it sees one moment. */
export interface AccountDirectory {
  /**
   * One page, equal ranks by user id. In the order of users nobody is left out or comes twice, whatever happens
   * between two pages; in the others whoever changes his rank meanwhile may.
   */
  accounts(query: UsersQuery): Promise<readonly ListedAccount[]>;
  /** Limits of these users: null where it is the default, no entry for users without an account. Makes none. */
  ownLimits(userIds: readonly string[]): Promise<ReadonlyMap<string, number | null>>;
}

/** What a user's live sessions hold. */
export interface Holdings {
  readonly reservedBytes: number;
  readonly activeSessions: number;
}

/** All live sessions. */
export interface SessionDirectory {
  /**
   * Users who may have live sessions, in an order of the store's own that stays; those behind the user `after`
   * (null: from the start). Fewer than `limit` come only at the end.
   */
  reservingUsers(after: string | null, limit: number): Promise<readonly string[]>;
  /** What each of these users holds, in the order in which they are given. Loads no account. */
  holdings(userIds: readonly string[]): Promise<readonly Holdings[]>;
}
