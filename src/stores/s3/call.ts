import { setTimeout as delay } from 'node:timers/promises';
import { isPassing, silence, statusOf, storageFault } from './faults.ts';

/** How long calls may take, in milliseconds. */
export interface Deadlines {
  /** A call that moves no file bytes: what stands between a client and its answer. */
  readonly callMs: number;
  /** A call that moves bytes has this, and the time its bytes need at `slowestBytesPerSecond`. */
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

/** What the AWS SDK takes beside a command. */
interface CallOptions {
  readonly abortSignal: AbortSignal;
  /** Milliseconds for one try. */
  readonly requestTimeout?: number;
}

type Run<T> = (options: CallOptions) => Promise<T>;

/** Runs calls to S3 within their deadlines; whatever goes wrong comes out as a `SluiceError`. */
export interface Calls {
  readonly deadlines: Deadlines;
  /**
   * A call that moves no bytes. Its deadline tells a storage that is away or hangs from one that is busy: as
   * long as somebody else still gets answers, the call may take as long as a transfer.
   */
  prompt<T>(run: Run<T>, signal?: AbortSignal): Promise<T>;
  transfer<T>(bytes: number, run: Run<T>, signal?: AbortSignal): Promise<T>;
  /**
   * A call that may rightly take up to `ms`, but not on a storage that hangs: while it takes its time, `look`, a
   * prompt call, shows again and again whether anybody is there.
   */
  patient<T>(ms: number, run: Run<T>, look: () => Promise<unknown>): Promise<T>;
}

const TRIES = 3;

/** Work that ends before this needs no look at the storage beside it. */
const SOON_MS = 100;

export function createCalls(deadlines: Deadlines): Calls {
  const { callMs, transferMs, slowestBytesPerSecond } = deadlines;
  let answeredAt = Number.NEGATIVE_INFINITY;

  async function attempt<T>(run: Run<T>, options: CallOptions): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        const result = await run(options);
        answeredAt = performance.now();
        return result;
      } catch (fault) {
        // A refusal is an answer, too.
        if (statusOf(fault) !== null) answeredAt = performance.now();
        // Every call here may be repeated: names and numbers are used once, and what is gone is gone.
        if (isPassing(fault) && tries < TRIES) continue;
        const { aborted, reason } = options.abortSignal;
        throw storageFault(aborted && reason instanceof Error ? reason : fault);
      }
    }
  }

  function either(deadline: AbortSignal, signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, deadline]) : deadline;
  }

  async function prompt<T>(run: Run<T>, signal?: AbortSignal): Promise<T> {
    const late = new AbortController();
    const beganAt = performance.now();
    let lookedAt = beganAt;
    const timer = setInterval(() => {
      const now = performance.now();
      if (answeredAt < lookedAt || now - beganAt > transferMs) late.abort(silence());
      lookedAt = now;
    }, callMs);
    try {
      return await attempt(run, { abortSignal: either(late.signal, signal) });
    } finally {
      clearInterval(timer);
    }
  }

  /** Rejects where a look is not answered, and when it is over. */
  async function keepLooking(look: () => Promise<unknown>, over: AbortSignal): Promise<never> {
    for (let pauseMs = SOON_MS; ; pauseMs = callMs) {
      await delay(pauseMs, undefined, { signal: over });
      await look();
    }
  }

  return {
    deadlines,
    prompt,

    transfer(bytes, run, signal) {
      const ms = Math.ceil(transferMs + (bytes / slowestBytesPerSecond) * 1000);
      // A first try that hangs leaves time for a second one.
      const requestTimeout = Math.ceil(ms / 2);
      return attempt(run, { abortSignal: either(AbortSignal.timeout(ms), signal), requestTimeout });
    },

    async patient(ms, run, look) {
      const away = new AbortController();
      const over = new AbortController();
      void keepLooking(look, over.signal).catch(() => away.abort(silence()));
      try {
        return await attempt(run, { abortSignal: either(away.signal, AbortSignal.timeout(ms)) });
      } finally {
        over.abort();
      }
    },
  };
}
