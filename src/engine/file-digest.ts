import { createHash } from 'node:crypto';
import type { StoreInFile } from '../core/ports.ts';
import { releaseMemory } from '../core/release-memory.ts';

/** SHA-256 of one file whose bytes come one batch after another. Not for concurrent use. */
export interface FileDigest {
  /** While a batch is being stored: whoever stores it still needs it. */
  beside(batch: readonly Uint8Array[]): void;
  /** Once it is stored. Its memory is given back as soon as it is hashed; the pieces are empty at once. */
  release(batch: readonly Uint8Array[]): void;
  /** Stores a batch and hashes it in one go; null where that is not to be had (any more). Then it is not released. */
  readonly store: StoreInFile | null;
  /** Resolves once all that was released is hashed: what memory is taken next is bounded by that. Never rejects. */
  ready(): Promise<void>;
  /** Of all batches, 64 hex digits; null where it was lost. The last thing to ask of it. Never rejects. */
  hex(): Promise<string | null>;
  /** It is not wanted any more, or was read: what it holds is freed. May be called twice. */
  drop(): void;
}

/** Is never lost. */
export interface InlineDigest extends FileDigest {
  hex(): Promise<string>;
}

/** Hashes on this very thread, beside the write. */
export function createInlineDigest(): InlineDigest {
  const hash = createHash('sha256');
  return {
    store: null,
    beside(batch) {
      for (const piece of batch) hash.update(piece);
    },
    release: releaseMemory,
    ready: async () => {},
    hex: async () => hash.digest('hex'),
    drop() {},
  };
}
