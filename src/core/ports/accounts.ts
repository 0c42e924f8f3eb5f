import type { Account, QuotaSnapshot } from '../quota.ts';
import type { Session } from '../session.ts';
import type { SettledBytes } from './ledger.ts';
import type { NeedAccount } from './sessions.ts';

/** The fast copy of the ledger's accounts that admission decides on. */
export interface Accounts {
  read(
    userId: string,
  ): Promise<
    | { readonly kind: 'known'; readonly quota: QuotaSnapshot; readonly sealed: readonly string[] }
    | NeedAccount
  >;
  /**
   * Put the ledger's account here. `settled` are those of the `sealed` sessions that `usedBytes` counts
   * already: where their reservation is still held here, their bytes are left out of the used ones, because
   * their `finish` is still to come and will add them.
   *
   * Exact under concurrency by two checks, and nothing is changed where one of them fails (`need_account`:
   * read the ledger once more): the account's version is older than one seen here (a `finish` brought a newer
   * one, or another `load`); or a session is sealed here that the caller was not told of (`asked`).
   * Reservations are kept; where the account was lost they are summed up again from the sessions.
   */
  load(
    account: Account,
    asked: readonly string[],
    settled: readonly SettledBytes[],
  ): Promise<{ readonly kind: 'loaded' } | NeedAccount>;
  /** The user's live sessions, newest first. */
  liveSessions(userId: string): Promise<Session[]>;
}

/** What the sweeper works from: a list that outlives the sessions themselves. */
export interface DueSessions {
  /**
   * Up to `limit` sessions whose time has come: expired ones, ended ones whose bytes still have to go, and sealed
   * ones that nobody has ended by then. These are still active: only the ledger can say what becomes of them.
   */
  due(limit: number): Promise<Session[]>;
  /**
   * End as `expired` those of these sessions whose time is over and that nobody has ended or sealed, as
   * `SessionStore.end` does, for many at once. Gives those that this call ended: each is named once, to one caller.
   */
  expire(sessionIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** The bytes are gone: forget these sessions, except that each still answers with its status for an hour. */
  forget(...sessionIds: readonly string[]): Promise<void>;
}

/** What the reconciler works from. */
export interface KnownAccounts {
  /**
   * Users of whom something is kept here, in batches, without a promise for those who come or go meanwhile: one
   * may be left out, or come twice.
   */
  knownAccounts(): AsyncIterable<readonly string[]>;
  /**
   * Compare the user's reservations with their sum, and sum them up anew from his sessions where the two do not
   * agree. Gives the bytes by which the sum was wrong; null where all agreed.
   */
  recount(userId: string): Promise<number | null>;
}
