/** Sizes are bytes, times milliseconds. */
export interface EngineLimits {
  /** Bytes gathered before a write is worth it. */
  readonly batchBytes: number;
  /** Gathered and not yet being written: above this the socket is paused. */
  readonly highWaterBytes: number;
  /** All uploads together hold about this much that is gathered or being written. */
  readonly gatheringBudgetBytes: number;
  /** Acknowledge at the latest after this many stored bytes, or after `commitIntervalMs`. */
  readonly commitBytes: number;
  readonly commitIntervalMs: number;
  /** No byte for this long: the connection is cut, the bytes are kept. */
  readonly idleTimeoutMs: number;
  /** Fewer bytes per second than this over a whole window: cut as well. 0 turns it off. */
  readonly minimumBytesPerSecond: number;
  readonly minimumRateWindowMs: number;
  /** How long a newcomer waits for the running writer to leave. */
  readonly takeoverMs: number;
  /** How long acknowledging is tried again while the session store is away and the client waits for it. */
  readonly storeGraceMs: number;
  /** The same while bytes still come in. */
  readonly outageGraceMs: number;
}

export function engineLimits(changed: Partial<EngineLimits> = {}): EngineLimits {
  return { ...DEFAULTS, ...changed };
}

const DEFAULTS: EngineLimits = {
  // The fewer bytes are under way, the more of them are still in the processor's cache when they are hashed and written.
  batchBytes: 256 << 10,
  highWaterBytes: 1 << 20,
  gatheringBudgetBytes: 20 << 20,
  commitBytes: 8 << 20,
  commitIntervalMs: 1000,
  idleTimeoutMs: 60_000,
  minimumBytesPerSecond: 1024,
  minimumRateWindowMs: 60_000,
  takeoverMs: 1000,
  storeGraceMs: 1500,
  outageGraceMs: 15_000,
};
