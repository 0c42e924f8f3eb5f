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

const GIB = 1024 ** 3;
const inGib = (bytes: number): number => Math.round((bytes / GIB) * 100) / 100;

/** The quota object of the contract (`GET /quota`, and `details` of a quota refusal). GB = 1024³ bytes. */
export interface QuotaReport {
  readonly quota_limit: number;
  readonly quota_used: number;
  readonly quota_reserved: number;
  readonly quota_remaining: number;
  readonly quota_limit_gb: number;
  readonly quota_used_gb: number;
  readonly quota_remaining_gb: number;
  /** Used ÷ limit, in percent, two decimals. */
  readonly usage_percentage: number;
  readonly reset_date: string;
  readonly active_sessions: number;
  readonly max_active_sessions: number;
}

export function quotaReport(quota: QuotaSnapshot, maxActiveSessions: number): QuotaReport {
  const remaining = remainingBytes(quota);
  const share = quota.limitBytes > 0 ? quota.usedBytes / quota.limitBytes : 1;
  return {
    quota_limit: quota.limitBytes,
    quota_used: quota.usedBytes,
    quota_reserved: quota.reservedBytes,
    quota_remaining: remaining,
    quota_limit_gb: inGib(quota.limitBytes),
    quota_used_gb: inGib(quota.usedBytes),
    quota_remaining_gb: inGib(remaining),
    usage_percentage: Math.round(share * 10_000) / 100,
    reset_date: new Date(quota.resetAt).toISOString(),
    active_sessions: quota.activeSessions,
    max_active_sessions: maxActiveSessions,
  };
}
