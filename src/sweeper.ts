import type { FastifyBaseLogger } from 'fastify';

/** Milliseconds between two sweeps. Expired sessions lose their bytes within seconds. */
const INTERVAL_MS = 2000;

/** Sweeps again and again, never twice at once. */
export interface Sweeper {
  /** Ends a running sweep and starts no other. */
  stop(): Promise<void>;
}

export function startSweeper(
  sweep: (signal: AbortSignal) => Promise<number>,
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  intervalMs = INTERVAL_MS,
): Sweeper {
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let timer = schedule();
  let failing = false;

  function schedule(): NodeJS.Timeout {
    return setTimeout(() => {
      running = sweepOnce().then(() => {
        if (!stopping.signal.aborted) timer = schedule();
      });
    }, intervalMs).unref();
  }

  async function sweepOnce(): Promise<void> {
    try {
      const cleaned = await sweep(stopping.signal);
      if (cleaned > 0) log.info({ cleaned }, 'swept ended sessions');
      failing = false;
    } catch (error) {
      // A store that is away is told once, not every two seconds.
      if (!failing) log.warn({ err: error }, 'sweeping failed; it goes on trying');
      failing = true;
    }
  }

  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
