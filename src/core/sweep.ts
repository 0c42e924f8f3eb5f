import type { Endings } from './endings.ts';
import type { DueSessions } from './ports.ts';
import type { Session } from './session.ts';

const BATCH = 256;
/** Sessions worked on at once: enough to hide latency, few enough to leave room for requests. */
const WIDTH = 16;

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
      const queue = batch.values();
      await Promise.all(
        Array.from({ length: WIDTH }, async () => {
          for (const session of queue) {
            if (signal?.aborted) return;
            await clean(session);
          }
        }),
      );
      if (faults.length > 0 || batch.length < BATCH) break;
    }
    if (faults.length > 0) throw faults[0];
    return cleaned;
  };
}
