import type { Endings } from './endings.ts';
import type { DueSessions } from './ports.ts';
import type { Session } from './session.ts';

const BATCH = 256;
/** Sessions worked on at once: the stores commit together what is asked for together, but requests wait meanwhile. */
const WIDTH = 64;

interface Deps {
  readonly store: DueSessions;
  readonly endings: Endings;
}

/**
 * Expire what is due and delete the bytes nobody will finish. It works from the store's own list, so it can
 * never touch a live session or a file it does not know. A session whose bytes cannot be deleted now stays on
 * the list; the others go on, and the first fault is thrown at the end.
 */
export function createSweep({ store, endings }: Deps) {
  return async function sweep(signal?: AbortSignal): Promise<number> {
    let cleaned = 0;
    const faults: unknown[] = [];

    async function clean(session: Session): Promise<void> {
      try {
        await endings.expire(session);
        cleaned += 1;
      } catch (fault) {
        faults.push(fault);
      }
    }

    while (!signal?.aborted) {
      const batch = await store.due(BATCH);
      for (let from = 0; from < batch.length && !signal?.aborted; from += WIDTH) {
        await Promise.all(batch.slice(from, from + WIDTH).map(clean));
      }
      if (faults.length > 0 || batch.length < BATCH) break;
    }
    if (faults.length > 0) throw faults[0];
    return cleaned;
  };
}
