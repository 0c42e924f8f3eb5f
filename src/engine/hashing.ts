import { availableParallelism } from 'node:os';
import { createInlineDigest, type FileDigest } from './file-digest.ts';
import { createThreadedDigests, type ThreadedDigests } from './threaded-digests.ts';

/** Where files are hashed: a large one in the hashing thread, a small one where it is received. */
export interface Hashing {
  /** Batches of large files go to a thread. */
  readonly handsOver: boolean;
  /** @param length of the file, in bytes; null where nobody knows it, which is the way of those that are streamed. */
  begin(length: number | null): FileDigest;
  /** Ends the thread; whatever is hashed from here on is hashed on this one. */
  close(): Promise<void>;
}

/**
 * A digest cannot change its thread, so this is decided at its first byte. Handing a batch over takes some 50 µs, as hashing
 * 100 KB does; and who gets nothing but small files is spared the thread, which takes 12 MB.
 */
const LEAST_BYTES_FOR_THREAD = 2 << 20;

/**
 * The thread needs a core of its own. Where the client, the disk and the thread that reads the sockets share two, handing
 * batches back and forth costs more than it spares: docs/performance.md has the figures.
 */
const LEAST_CORES_FOR_THREAD = 4;

/** @param threaded Null: everything is hashed where it is received. */
export function createHashing(threaded: ThreadedDigests | null = threadWhereItPays()): Hashing {
  return {
    handsOver: threaded !== null,
    begin(length) {
      const isLarge = length === null || length >= LEAST_BYTES_FOR_THREAD;
      return (isLarge ? threaded?.begin() : null) ?? createInlineDigest();
    },
    close: async () => threaded?.close(),
  };
}

export function threadWhereItPays(cores = availableParallelism()): ThreadedDigests | null {
  return cores >= LEAST_CORES_FOR_THREAD ? createThreadedDigests() : null;
}
