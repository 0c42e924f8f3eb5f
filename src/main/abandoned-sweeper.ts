import type { FastifyBaseLogger } from 'fastify';
import type { AbandonedUploads, SessionStore } from '../core/ports.ts';
import type { Limits } from '../core/uploads.ts';
import { type Sweeper, startSweeper } from '../sweeper.ts';

/** Milliseconds between two looks; listing what is unfinished costs a request for every thousand. */
const INTERVAL_MS = 3_600_000;

/** Looks, now and then, for what died writers left in the object store: see `AbandonedUploads`. */
export function startAbandonedSweeper(
  stores: AbandonedUploads & { readonly sessions: Pick<SessionStore, 'find'> },
  { maxLifetimeMs }: Pick<Limits, 'maxLifetimeMs'>,
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  /** Told how much was found, and removed. */
  onSwept?: (removed: number) => void,
): Sweeper {
  async function sweep(signal: AbortSignal): Promise<number> {
    const { removed, unfinished } = await stores.sweepAbandoned({
      signal,
      // No session lives longer, so what is older belongs to none that could still want it.
      olderThanMs: maxLifetimeMs,
      isLive: async (sessionId) => (await stores.sessions.find(sessionId))?.status === 'active',
    });
    onSwept?.(removed);
    log.info({ removed, unfinished }, 'looked for abandoned uploads in the object store');
    return 0;
  }
  return startSweeper(sweep, log, INTERVAL_MS);
}
