/** How much of something is allowed: `permits` at once, and then as many again in each `windowMs`. */
export interface RatePolicy {
  /** Part of the key under which it is counted; a name in `RateLimit`. Letters and hyphens. */
  readonly name: string;
  readonly permits: number;
  readonly windowMs: number;
}

/** Whose permits are counted. */
export type RateSubject =
  | { readonly kind: 'user'; readonly userId: string }
  /** An IP address, or the network that stands for it. */
  | { readonly kind: 'address'; readonly address: string };

export interface RateVerdict {
  readonly allowed: boolean;
  /** Permits that are left now. */
  readonly remaining: number;
  /** Milliseconds until all permits are back. */
  readonly resetMs: number;
  /** Milliseconds until there is one again; 0 where this one was given. */
  readonly retryMs: number;
}

/**
 * Counts permits by GCRA (the generic cell rate algorithm, ITU-T I.371, appendix A): one number per subject,
 * the moment at which all its permits are back. Unlike counters per minute it has no edge at which twice as
 * much goes through, and a refused caller waits for one permit, not for the whole window.
 */
export interface RateLimits {
  /**
   * Take one permit, atomically over all processes that share the store; a refusal takes none. Throws
   * `REDIS_CONNECTION_ERROR`, within 250 ms, where the store is away.
   */
  take(policy: RatePolicy, subject: RateSubject): Promise<RateVerdict>;
}
