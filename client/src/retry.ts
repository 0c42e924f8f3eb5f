import { isPassing, type SluiceApiError } from './errors.ts';
import type { Platform } from './platform/platform.ts';

export interface RetryOptions {
  /** Pause before the first repetition, in milliseconds; it doubles each time. Default 500. */
  readonly baseMs?: number;
  /** Longest pause, in milliseconds. Default 30 000. */
  readonly maxMs?: number;
  /** Repetitions without any progress before giving up. Default 12: some four minutes. */
  readonly attempts?: number;
  /** The longest `Retry-After` that is waited for, in seconds; above, the upload fails at once. Default 120. */
  readonly maxRetryAfterSeconds?: number;
}

export interface RetryPlan {
  readonly reason: 'offline' | 'retry';
  readonly error: SluiceApiError;
  /** Milliseconds since the epoch; null while offline, when it begins again with the network. */
  readonly retryAt: number | null;
}

/** How often in a row something may fail before it is given up. */
export interface Patience {
  /** Waits for the right moment to try again. Throws `error` where trying again is no use. */
  wait(error: SluiceApiError, signal: AbortSignal): Promise<void>;
  /** Something went forward: count from the beginning. */
  reset(): void;
}

export function createPatience(
  platform: Pick<Platform, 'online' | 'whenOnline'>,
  options: RetryOptions = {},
  onWait: (plan: RetryPlan | null) => void = () => {},
): Patience {
  const { baseMs = 500, maxMs = 30_000, attempts = 12, maxRetryAfterSeconds = 120 } = options;
  let failures = 0;
  return {
    async wait(error, signal) {
      if (!isPassing(error) || (error.retryAfterSeconds ?? 0) > maxRetryAfterSeconds) throw error;
      try {
        if (error.code === 'NETWORK_ERROR' && !platform.online()) {
          onWait({ reason: 'offline', error, retryAt: null });
          await platform.whenOnline(signal);
          return;
        }
        if (failures >= attempts) throw error;
        const delay = delayMs(failures, error.retryAfterSeconds, baseMs, maxMs);
        failures += 1;
        onWait({ reason: 'retry', error, retryAt: Date.now() + delay });
        await sleep(delay, signal);
      } finally {
        onWait(null);
      }
    },
    reset() {
      failures = 0;
    },
  };
}

/**
 * Exponential, with full jitter over its upper half, so that a thousand clients of one restarted service do not
 * come back together. What the service asked for is the least.
 */
export function delayMs(
  failures: number,
  retryAfterSeconds: number | null,
  baseMs: number,
  maxMs: number,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** failures);
  const jittered = ceiling * (0.5 + random() / 2);
  if (retryAfterSeconds === null) return jittered;
  return retryAfterSeconds * 1000 + Math.min(jittered, 1000) * random();
}

/** Longest that a timer waits, in milliseconds (25 days): one that is given more fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(ms, LONGEST_TIMER),
    );
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
