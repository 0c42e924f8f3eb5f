import { SluiceError } from '../../core/errors.ts';
import { sessionStoreAway } from './call.ts';

/** So many calls one after the other, none of them answered, and nobody else waits. */
const FAILURES = 5;
/** While it is away one call is let through to see whether it is back, so long after the last one. */
const PROBE_AFTER_MS = 250;

/**
 * Keeps callers from waiting for a server that does not answer: after some have waited in vain all others are
 * refused at once, but for one now and then that finds out whether the server is back.
 */
export interface CircuitBreaker {
  /** Throws `REDIS_CONNECTION_ERROR` without calling `work` while the server is away. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Calls `work` whatever is known: for health checks. What it finds counts. */
  probe<T>(work: () => Promise<T>): Promise<T>;
  state(): BreakerState;
}

/** `half_open`: away, and one call is under way to see whether it is back. */
export type BreakerState = 'closed' | 'half_open' | 'open';

/** `now`: milliseconds on a clock that never steps. */
export function createCircuitBreaker(now: () => number = () => performance.now()): CircuitBreaker {
  let failures = 0;
  let nextProbeAt = 0;
  let probing = false;

  async function probe<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      failures = 0;
      return result;
    } catch (fault) {
      if (isAway(fault)) {
        failures += 1;
        nextProbeAt = now() + PROBE_AFTER_MS;
      } else {
        // A refusal is an answer.
        failures = 0;
      }
      throw fault;
    }
  }

  return {
    probe,
    state: () => (failures < FAILURES ? 'closed' : probing ? 'half_open' : 'open'),
    async run(work) {
      if (failures < FAILURES) return probe(work);
      if (probing || now() < nextProbeAt) throw sessionStoreAway(new Error('Redis did not answer others.'));
      probing = true;
      try {
        return await probe(work);
      } finally {
        probing = false;
      }
    },
  };
}

function isAway(fault: unknown): boolean {
  return fault instanceof SluiceError && fault.code === 'REDIS_CONNECTION_ERROR';
}
