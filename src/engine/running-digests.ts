import { createHash, type Hash } from 'node:crypto';
import type { Session } from '../core/session.ts';

/**
 * States of digests that were interrupted, so that an upload resumed in the same process need not be read
 * again when it is complete. A state counts only where nobody else became the writer in between, which the
 * epoch tells; where it is missing, the digest is taken from the stored bytes at the end.
 */
export interface RunningDigests {
  /** A digest that has seen exactly the first `uploadOffset` bytes; null where there is none. */
  resume(session: Session): Hash | null;
  keep(sessionId: string, state: DigestState): void;
  forget(sessionId: string): void;
}

export interface DigestState {
  readonly hash: Hash;
  /** Bytes it has seen. */
  readonly offset: number;
  /** Epoch of the writer that kept it. */
  readonly epoch: number;
}

/** A state takes some hundreds of bytes; the one not used for longest is dropped. */
const MOST_KEPT = 4096;

export function createRunningDigests(mostKept = MOST_KEPT): RunningDigests {
  const kept = new Map<string, DigestState>();

  return {
    resume(session) {
      if (session.uploadOffset === 0) return createHash('sha256');
      const state = kept.get(session.sessionId);
      kept.delete(session.sessionId);
      if (!state || state.offset !== session.uploadOffset || state.epoch !== session.epoch - 1) return null;
      return state.hash;
    },

    keep(sessionId, state) {
      kept.delete(sessionId);
      kept.set(sessionId, state);
      for (const oldest of kept.keys()) {
        if (kept.size <= mostKept) break;
        kept.delete(oldest);
      }
    },

    forget(sessionId) {
      kept.delete(sessionId);
    },
  };
}
