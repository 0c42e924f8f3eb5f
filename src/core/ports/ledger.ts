import type { NewOutboxEvent } from '../outbox.ts';
import type { Account } from '../quota.ts';

/** The result of an upload as the ledger recorded it. */
export interface Completion {
  readonly bytes: number;
  /** Start of the period in which the ledger counted it. */
  readonly periodStart: number;
  /** The account's version in the ledger right after it was counted: see `Accounts.load`. */
  readonly accountVersion: number;
  readonly completedAt: number;
  readonly detectedFormat: string | null;
  readonly contentSha256: string;
}

export interface SettledBytes {
  readonly sessionId: string;
  readonly bytes: number;
}

export interface Settlement {
  readonly sessionId: string;
  readonly userId: string;
  readonly bytes: number;
  readonly format: string | null;
  readonly sha256: string;
  readonly storageKey: string;
  readonly filename: string | null;
  readonly dashboardContext: string;
  readonly createdAt: number;
}

export type SettleResult =
  /** Counted now, or found to have been counted before: the same answer either way. */
  | { readonly kind: 'settled'; readonly completion: Completion }
  /** The session was voided first: it must not complete. */
  | { readonly kind: 'voided' };

/** The truth about who used what. Each operation is one transaction. */
export interface Ledger {
  /**
   * The user's account, made at its first use and rolled over to the current period exactly once.
   * `settled`: those of `sealed` that this very `usedBytes` counts (settled in the current period).
   */
  account(
    userId: string,
    sealed: readonly string[],
  ): Promise<{ readonly account: Account; readonly settled: readonly SettledBytes[] }>;
  /** Count the upload, once per session id, in the period that is current now. */
  settle(settlement: Settlement): Promise<SettleResult>;
  /** Refuse the session for good, unless it is settled: then its completion. Idempotent. */
  voidSession(
    sessionId: string,
    userId: string,
  ): Promise<{ readonly kind: 'voided' } | { readonly kind: 'settled'; readonly completion: Completion }>;
  /** What was decided about the session; null where nothing was yet. */
  decision(sessionId: string): Promise<SettleResult | null>;
  /** New limit in bytes, ≥ 0; null follows the configured default from now on. */
  setLimit(userId: string, limitBytes: number | null): Promise<Account>;
  /** Begin a new period now with nothing used. */
  resetPeriod(userId: string): Promise<Account>;
  /** Write events down for the outbox, all or none, once per id: repeating it changes nothing. */
  record(...events: readonly NewOutboxEvent[]): Promise<void>;
}
