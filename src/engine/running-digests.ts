import type { Session } from '../core/session.ts';
import type { FileDigest } from './file-digest.ts';
import type { Hashing } from './hashing.ts';

/**
 * Digests that were interrupted, so that an upload resumed in the same process need not be read again when it
 * is complete. One counts only where nobody else became the writer in between, which the epoch tells; where it
 * is missing, the digest is taken from the stored bytes at the end. Those that are not used are dropped.
 */
export interface RunningDigests {
  /**
   * A digest that has seen exactly the first `uploadOffset` bytes; null where there is none.
   * @param length that the file will have, where it is known.
   */
  resume(session: Resumable, length: number | null): FileDigest | null;
  keep(sessionId: string, state: DigestState): void;
  forget(sessionId: string): void;
}

type Resumable = Pick<Session, 'sessionId' | 'uploadOffset' | 'epoch'>;

export interface DigestState {
  readonly digest: FileDigest;
  /** Bytes it has seen. */
  readonly offset: number;
  /** Epoch of the writer that kept it. */
  readonly epoch: number;
}

/** A state takes some hundreds of bytes; the one not used for longest is dropped. */
const MOST_KEPT = 4096;

export function createRunningDigests(hashing: Hashing, mostKept = MOST_KEPT): RunningDigests {
  const kept = new Map<string, DigestState>();

  function forget(sessionId: string): void {
    kept.get(sessionId)?.digest.drop();
    kept.delete(sessionId);
  }

  return {
    forget,

    resume(session, length) {
      const { sessionId, uploadOffset, epoch } = session;
      const state = kept.get(sessionId);
      if (state && uploadOffset > 0 && state.offset === uploadOffset && state.epoch === epoch - 1) {
        kept.delete(sessionId);
        return state.digest;
      }
      forget(sessionId);
      return uploadOffset === 0 ? hashing.begin(length) : null;
    },

    keep(sessionId, state) {
      forget(sessionId);
      kept.set(sessionId, state);
      for (const oldest of kept.keys()) {
        if (kept.size <= mostKept) break;
        forget(oldest);
      }
    },
  };
}
