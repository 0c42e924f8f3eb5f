import { setTimeout as delay } from 'node:timers/promises';
import { isBusy, translateFault } from './faults.ts';

/** Works of one transaction: enough to share its cost, few enough to leave the event loop to others in between. */
const MOST_TOGETHER = 64;
/** Pause between tries while another process holds the lock; other requests go on. */
export const RETRY_PAUSE_MS = 10;
/** A request waits this long for a lock, then answers 503: well below the two seconds of invariant E. */
export const LOCK_DEADLINE_MS = 1_500;

export interface Work {
  /** Run inside the transaction, once or, while another process holds the lock, several times. */
  readonly run: () => unknown;
  /** A power cut must not undo it. */
  readonly durable: boolean;
}

export type WorkResult = { readonly value: unknown } | { readonly fault: unknown };

interface Waiting extends Work {
  readonly deadline: number;
  readonly settle: (result: WorkResult) => void;
}

/**
 * Writes of one turn of the event loop become one transaction: beginning and committing cost as much as several small
 * writes. Each work is atomic for itself, and is answered once all of it is committed, and forced to the disk where it is
 * to be durable; others go on meanwhile, and see it already.
 * @param transact runs all of them in one transaction, in order; gives a result for each, throws where none was
 *   committed.
 * @param force resolves when all that is committed is on the disk.
 */
export function createGroupCommit(
  transact: (works: readonly Work[]) => WorkResult[],
  force: () => Promise<void>,
) {
  const waiting: Waiting[] = [];
  let scheduled = false;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => void commit());
  }

  async function commit(): Promise<void> {
    const group = waiting.splice(0, MOST_TOGETHER);
    try {
      answer(group, transact(group));
    } catch (fault) {
      const now = performance.now();
      const patient = isBusy(fault) ? group.filter(({ deadline }) => now < deadline) : [];
      for (const one of group) if (!patient.includes(one)) one.settle({ fault });
      waiting.unshift(...patient);
      if (patient.length > 0) await delay(RETRY_PAUSE_MS * (0.5 + Math.random()));
    }
    scheduled = false;
    if (waiting.length > 0) schedule();
  }

  function answer(group: readonly Waiting[], results: readonly WorkResult[]): void {
    const forced = group.some(({ durable }) => durable) ? force() : null;
    for (const [n, { settle, durable }] of group.entries()) {
      const result = results[n] ?? { fault: new TypeError('no result') };
      if (!durable || forced === null) settle(result);
      else
        forced.then(
          () => settle(result),
          (fault: unknown) => settle({ fault }),
        );
    }
  }

  return function write<T>(run: () => T, durable: boolean): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    waiting.push({
      run,
      durable,
      deadline: performance.now() + LOCK_DEADLINE_MS,
      settle: (result) => {
        if ('fault' in result) reject(translateFault(result.fault));
        else resolve(result.value as T);
      },
    });
    schedule();
    return promise;
  };
}
