import type { FastifyBaseLogger } from 'fastify';
import type { AbandonedUploads, SessionStore } from '../core/ports.ts';
import type { Limits } from '../core/uploads.ts';
import { type Sweeper, startSweeper } from '../sweeper.ts';

/** Milliseconds between two looks; listing what is unfinished costs a bucket a request for every thousand. */
const INTERVAL_MS = 3_600_000;
/**
 * No session lives longer than `maxLifetimeMs`, so what was last written before that belongs to none that could
 * still want it. The rest is for sessions that are remembered after their end, and for clocks of storage that differ.
 */
const MARGIN_MS = 3_600_000;

interface SweptStores {
  readonly abandoned: AbandonedUploads;
  readonly sessions: Pick<SessionStore, 'find'>;
}

/** Removes bytes that are old and of which no session knows: see `AbandonedUploads`. */
export function sweepAbandoned(
  { abandoned, sessions }: SweptStores,
  { maxLifetimeMs }: Pick<Limits, 'maxLifetimeMs'>,
  signal?: AbortSignal,
): ReturnType<AbandonedUploads['sweepAbandoned']> {
  return abandoned.sweepAbandoned({
    olderThanMs: maxLifetimeMs + MARGIN_MS,
    // Of one that has ended, whoever ended it removes the bytes.
    isLive: async (sessionId) => (await sessions.find(sessionId)) !== null,
    ...(signal && { signal }),
  });
}

/** Looks for them now and then. */
export function startAbandonedSweeper(
  stores: SweptStores,
  limits: Pick<Limits, 'maxLifetimeMs'>,
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  /** Told how much was found, and removed. */
  onSwept?: (removed: number) => void,
): Sweeper {
  async function sweep(signal: AbortSignal): Promise<number> {
    const { removed, unfinished } = await sweepAbandoned(stores, limits, signal);
    onSwept?.(removed);
    log.info({ removed, unfinished }, 'looked for abandoned uploads in the storage');
    return 0;
  }
  return startSweeper(sweep, log, INTERVAL_MS);
}
