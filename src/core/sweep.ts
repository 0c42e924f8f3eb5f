import type { Endings } from './endings.ts';
import { createBackground } from './give-way.ts';
import type { DueSessions } from './ports.ts';
import type { Session } from './session.ts';

const BATCH = 256;
/** Sessions with bytes that are worked on at once: requests wait meanwhile. */
const WIDTH = 64;
/**
 * Batches under way at once: while the session store works on one, the ledger is told of another. It is one where
 * requests keep the process busy.
 */
const MOST_AT_ONCE = 4;

interface Deps {
  readonly store: DueSessions;
  readonly endings: Endings;
}

/**
 * Expire what is due and delete the bytes nobody will finish. It works from the store's own list, so it can
 * never touch a live session or a file it does not know. Sealed ones it leaves to the reconciler: all their bytes
 * are there, however late, and somebody may be completing them. A session whose bytes cannot be deleted now stays on
 * the list; the others go on, and the first fault is thrown at the end.
 *
 * It can wait, and requests cannot: after each step it gives way to them.
 */
export function createSweep({ store, endings }: Deps) {
  return async function sweep(signal?: AbortSignal, background = createBackground()): Promise<number> {
    const faults: unknown[] = [];
    const underWay = new Set<string>();
    const sealed = new Set<string>();
    let cleaned = 0;
    let isLast = false;
    let listing: Promise<unknown> = Promise.resolve();

    /** One look at the list at a time: each goes on where the one before stopped. */
    function take(): Promise<readonly Session[]> {
      const taken = listing.then(takeNext);
      listing = taken.catch(() => {});
      return taken;
    }

    async function takeNext(): Promise<readonly Session[]> {
      if (isLast) return [];
      // What was forgotten while this was listed is done as well.
      const taken = new Set(underWay);
      const due = await store.due(BATCH);
      // The list begins anew where it is through: then nothing may be left on it but what stays.
      if (due.length < BATCH || due.every(({ sessionId }) => sealed.has(sessionId))) isLast = true;
      for (const { status, sessionId } of due) if (status === 'active') sealed.add(sessionId);
      const batch = due.filter(
        ({ sessionId }) => !sealed.has(sessionId) && !taken.has(sessionId) && !underWay.has(sessionId),
      );
      for (const { sessionId } of batch) underWay.add(sessionId);
      return batch;
    }

    async function clean(batch: readonly Session[]): Promise<void> {
      const done = await endings.expireUnwritten(batch);
      cleaned += done.size;
      const others = batch.filter((session) => !done.has(session));
      for (let from = 0; from < others.length && !signal?.aborted; from += WIDTH) {
        const results = await Promise.allSettled(others.slice(from, from + WIDTH).map(endings.expire));
        for (const result of results) {
          if (result.status === 'fulfilled') cleaned += 1;
          else faults.push(result.reason);
        }
      }
      for (const { sessionId } of batch) underWay.delete(sessionId);
    }

    async function step(): Promise<void> {
      try {
        await clean(await take());
      } catch (fault) {
        faults.push(fault);
      }
    }

    const steps = () => Promise.all(Array.from({ length: background.isBusy() ? 1 : MOST_AT_ONCE }, step));
    while (!isLast && faults.length === 0 && !signal?.aborted) {
      await background.run(steps);
      if (!isLast) await background.rest(signal);
    }
    if (faults.length > 0) throw faults[0];
    return cleaned;
  };
}
