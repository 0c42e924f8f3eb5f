/** A user's account as the ledger knows it. Sizes are bytes, times milliseconds since the epoch. */
export interface Account {
  readonly userId: string;
  readonly limitBytes: number;
  /** Bytes of the uploads settled in the current period. */
  readonly usedBytes: number;
  readonly periodStart: number;
  /** The moment the period ends and `usedBytes` starts again from zero. */
  readonly periodEnd: number;
  /** Rises with every change of the row; the newest version wins wherever the account is cached. */
  readonly version: number;
}

/** An account with its reservations, as admission sees it. used + reserved ≤ limit (invariant A). */
export interface QuotaSnapshot {
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly reservedBytes: number;
  readonly activeSessions: number;
  /** End of the period. */
  readonly resetAt: number;
}

/** Never negative, though an administrator may set a limit below what is used already. */
export function remainingBytes(quota: QuotaSnapshot): number {
  return Math.max(0, quota.limitBytes - quota.usedBytes - quota.reservedBytes);
}

export const DAY_MS = 86_400_000;

/**
 * The period that `now` falls into. Periods follow one another without a gap from the account's first use,
 * so a user who comes back after three periods gets the boundary he would have had anyway.
 */
export function periodAt(firstStart: number, periodMs: number, now: number): { start: number; end: number } {
  const passed = Math.max(0, Math.floor((now - firstStart) / periodMs));
  const start = firstStart + passed * periodMs;
  return { start, end: start + periodMs };
}
