import { storageFault } from './faults.ts';

/** How long calls may take, in milliseconds. */
export interface Deadlines {
  /** A call that moves no file bytes, its retries included: what stands between a client and its answer. */
  readonly callMs: number;
  /** Beside this, a call that moves bytes has the time its bytes need at `slowestBytesPerSecond`. */
  readonly transferMs: number;
  readonly slowestBytesPerSecond: number;
  /** S3 joins the parts while the caller waits, for large files "several minutes" (CompleteMultipartUpload). */
  readonly completeMs: number;
}

export const DEFAULT_DEADLINES: Deadlines = {
  callMs: 1900,
  transferMs: 10_000,
  slowestBytesPerSecond: 1 << 20,
  completeMs: 120_000,
};

/** A first try that hangs leaves time for a second one. */
const TRIES_WITHIN_DEADLINE = 2;

/** What the AWS SDK takes beside a command. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
  readonly requestTimeout: number;
}

export type Call = <T>(
  ms: number,
  signal: AbortSignal | undefined,
  run: (options: CallOptions) => Promise<T>,
) => Promise<T>;

/** Run one call to S3 within `ms`; whatever goes wrong comes out as a `SluiceError`. */
export const call: Call = async (ms, signal, run) => {
  const deadline = AbortSignal.timeout(ms);
  const abortSignal = signal ? AbortSignal.any([signal, deadline]) : deadline;
  try {
    return await run({ abortSignal, requestTimeout: Math.ceil(ms / TRIES_WITHIN_DEADLINE) });
  } catch (fault) {
    throw storageFault(fault);
  }
};

/** Work that is done before this needs no look at the storage beside it. */
const SOON_MS = 100;

/**
 * Wait for work that may rightly take long, but not on a storage that hangs: where it does not end at once, a
 * small call beside it shows whether anybody is there.
 */
export async function whileAlive<T>(
  deadlines: Deadlines,
  work: Promise<T>,
  check: (ms: number) => Promise<void>,
): Promise<T> {
  const { promise: away, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => check(deadlines.callMs - SOON_MS).catch(reject), SOON_MS);
  try {
    return await Promise.race([work, away]);
  } finally {
    clearTimeout(timer);
    // Where nobody waits for it any more it may still fail.
    work.catch(() => {});
    away.catch(() => {});
  }
}

export function transferMs(deadlines: Deadlines, bytes: number): number {
  return Math.ceil(deadlines.transferMs + (bytes / deadlines.slowestBytesPerSecond) * 1000);
}
