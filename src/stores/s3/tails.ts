import { loadTail } from './complete-upload.ts';
import type { Keys } from './keys.ts';
import type { Objects } from './objects.ts';
import { parseState, type Tail } from './upload-state.ts';

/**
 * The bytes behind the last whole part of an upload, kept in a side object where they would be lost otherwise.
 *
 * A tail that the session store may still refer to is never overwritten: every one gets a name of its own, and
 * goes when the session store has acknowledged something newer. That makes a crash between storing a tail and
 * acknowledging it harmless, and a late write of a fenced writer as well.
 */
export interface PlacedTail extends Tail {
  /** The part it is the beginning of. */
  readonly index: number;
}

export interface Tails {
  readonly newest: PlacedTail | null;
  readonly everAny: boolean;
  keep(index: number, bytes: Uint8Array): Promise<void>;
  /** Fill `into` with the tail's bytes. Throws where the object holds fewer. */
  load(tail: Tail, into: Uint8Array): Promise<void>;
  /** The session store refers to this storage now: remove, in the background, what it has left behind. */
  committed(storage: string): void;
  /** Resolves when no removal is under way. */
  idle(): Promise<void>;
}

interface Known extends PlacedTail {
  readonly sequence: number;
}

export function createTails(deps: {
  readonly objects: Objects;
  readonly keys: Keys;
  readonly sessionId: string;
  readonly epoch: number;
  /** What an earlier writer left: its beginning is where this one goes on. */
  readonly inherited: PlacedTail | null;
  /** Side objects of an upload that was given up. */
  readonly outdated: readonly Tail[];
  readonly everAny: boolean;
}): Tails {
  const { objects, keys, sessionId, epoch, inherited } = deps;
  const known: Known[] = deps.outdated.map((tail) => ({ ...tail, index: -1, sequence: -1 }));
  if (inherited) known.push({ ...inherited, sequence: 0 });
  const removals = new Set<Promise<void>>();
  let newest: PlacedTail | null = inherited;
  let sequence = 0;

  /** Fails silently: what is left over is removed with the session. */
  function remove(key: string): void {
    const removal = objects
      .remove([key])
      .catch(() => {})
      .finally(() => removals.delete(removal));
    removals.add(removal);
  }

  return {
    get newest() {
      return newest;
    },
    get everAny() {
      return deps.everAny || newest !== null;
    },

    async keep(index, bytes) {
      const key = keys.tail(sessionId, epoch);
      await objects.put(key, bytes);
      sequence += 1;
      newest = { key, index, bytes: bytes.length };
      known.push({ ...newest, sequence });
    },

    load: (tail, into) => loadTail(objects, tail, into),

    committed(storage) {
      const { parts, tail } = parseState(storage);
      const referred = known.find(({ key }) => key === tail?.key);
      for (const old of known.filter((one) => one !== referred)) {
        if (referred ? old.sequence > referred.sequence : old.index >= parts) continue;
        known.splice(known.indexOf(old), 1);
        remove(old.key);
      }
    },

    async idle() {
      await Promise.all(removals);
    },
  };
}
