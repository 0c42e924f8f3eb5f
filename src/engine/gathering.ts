import type { EngineLimits } from './limits.ts';

/**
 * How much each upload gathers before it is stored. Few uploads gather large batches, which is fast; many share
 * one budget, so that memory stays bounded however many there are.
 */
export interface Gathering {
  /** Bytes gathered before a write is worth it. */
  readonly batchBytes: number;
  /** Gathered and not yet being written: above this the socket is paused. */
  readonly highWaterBytes: number;
  /** An upload begins. Whoever calls this calls `leave` at its end. */
  enter(): void;
  leave(): void;
}

/** Less than this is not worth a write, however many uploads there are. */
const LEAST_BATCH_BYTES = 64 << 10;

export function createGathering(
  limits: Pick<EngineLimits, 'batchBytes' | 'highWaterBytes' | 'gatheringBudgetBytes'>,
): Gathering {
  let running = 0;
  return {
    get highWaterBytes() {
      // While two batches are on their way to the file the next one gathers: an upload holds three times this at most.
      const share = limits.gatheringBudgetBytes / Math.max(1, running) / 3;
      return Math.max(2 * LEAST_BATCH_BYTES, Math.min(limits.highWaterBytes, Math.floor(share)));
    },
    get batchBytes() {
      return Math.min(limits.batchBytes, this.highWaterBytes / 2);
    },
    enter() {
      running += 1;
    },
    leave() {
      running -= 1;
    },
  };
}
