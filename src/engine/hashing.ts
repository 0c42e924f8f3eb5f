import { availableParallelism } from 'node:os';
import type { BlobStore } from '../core/ports.ts';
import { createInlineDigest, type FileDigest } from './file-digest.ts';
import { createThreadedDigests, type ThreadedDigests } from './threaded-digests.ts';

/** Where files are hashed: a large one in the storing thread, a small one where it is received. */
export interface Hashing {
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
 * Where the thread stores what it hashes, each batch changes threads once, as it does where it is stored by Node's. Where
 * files go elsewhere it changes threads once more, which needs a core to pay: docs/performance.md has the figures.
 */
const LEAST_CORES_FOR_THREAD = { disk: 2, s3: 4 };

/** @param threaded Null: everything is hashed where it is received. */
export function createHashing(threaded: ThreadedDigests | null): Hashing {
  return {
    begin(length) {
      const isLarge = length === null || length >= LEAST_BYTES_FOR_THREAD;
      return (isLarge ? threaded?.begin() : null) ?? createInlineDigest();
    },
    close: async () => threaded?.close(),
  };
}

export function threadWhereItPays(
  backend: BlobStore['backend'],
  cores = availableParallelism(),
): ThreadedDigests | null {
  return cores >= LEAST_CORES_FOR_THREAD[backend] ? createThreadedDigests() : null;
}
