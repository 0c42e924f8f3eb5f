/** One piece of an upload as an object store acknowledged it. */
export interface Part {
  /** Place in the file, from 0 without gaps. */
  readonly index: number;
  /** Number under which the object store knows it, 1 … 10 000, rising with `index`. */
  readonly number: number;
  readonly bytes: number;
  /** As the object store gave it, quotes included. */
  readonly etag: string;
}

/**
 * The pieces of each upload, for object stores: `SessionStore.commit` appends to it, so that a commit costs the
 * same however many there are. A part of the same index replaces the one before; `restart` removes all that
 * were there before that commit. It lives until the upload is finished or its bytes are deleted, at least.
 */
export interface PartList {
  /** In order of `index`; empty where there are none, or where the session is forgotten. */
  parts(sessionId: string): Promise<readonly Part[]>;
}

/** Where an upload's bytes are, as the blob store itself wrote it down. Null before the first byte. */
export interface BlobRef {
  readonly sessionId: string;
  readonly storage: string | null;
}

/** Where the bytes of an upload are to which nothing is added any more. */
export interface SealedBlobRef extends BlobRef {
  /** Of the writer that was the last one, where it is known. */
  readonly epoch?: number;
}

/** What is stored by now, in order, and where. */
export interface BlobProgress {
  readonly offset: number;
  readonly storage: string;
  /** Where the store keeps pieces: those the session store has not been told of. */
  readonly parts?: readonly Part[];
}

/**
 * Writes pieces into an open file, from `position` on, and takes them away, memory and all: one call after another for
 * one file. Never rejects: a fault comes with what was written before it.
 */
export type StoreInFile = (
  file: { readonly descriptor: number; readonly position: number },
  pieces: readonly Uint8Array[],
) => Promise<{ readonly written: number; readonly fault: Error | null }>;

/**
 * Bytes of one upload by one writer. Not for concurrent use. `write` may buffer: only what `progress` tells
 * is stored and may be acknowledged.
 */
export interface BlobWriter {
  /** Append. Resolves when the store can take more (backpressure). The buffers belong to the writer until then. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /**
   * As `write`, for stores that keep files: `store` does it, who may have other work with the bytes, too. They are his
   * from here on. One call is still under way when the next one may be made. Left out by stores that keep no files.
   */
  writeBy?(store: StoreInFile, chunks: readonly Uint8Array[]): Promise<void>;
  /** The offset falls only where the store has lost bytes after it took them. */
  progress(): BlobProgress;
  /** The session store has acknowledged a progress with this `storage`: what only earlier ones named may go. */
  committed?(storage: string): void;
  /**
   * Store everything written so far, then release what is open. After a failed write: only release.
   * `isWhole`: nothing comes after it, so stores that put off making bytes durable do it now.
   */
  close(options?: { readonly isWhole: boolean }): Promise<void>;
}

export interface BlobStore {
  readonly backend: 'disk' | 's3';
  /**
   * Open for writing at `offset`, or before it where the store has lost bytes, as `progress` tells; whatever lies
   * behind that is dropped. `length` is the total where known.
   * `sole`: the writer before is known to have stopped, so the same object may be written on; else the store
   * makes sure that a late write of the old writer cannot reach what this one writes.
   * `maxLength`: the most the upload may ever hold, for stores that plan ahead where `length` is not known.
   * `signal`: once aborted the writer takes in no more: a `write` that waits for room resolves, and `progress`
   * tells after `close` what was stored.
   */
  open(
    ref: BlobRef,
    at: {
      readonly offset: number;
      readonly length: number | null;
      readonly epoch: number;
      readonly sole: boolean;
      readonly maxLength?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<BlobWriter>;
  /** The first `length` bytes, or all from the start where `length` is left out; before or after `finalize`. */
  read(
    ref: BlobRef,
    options: { readonly length?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /** The final name that `finalize` will give the file. Pure. */
  storageKey(ref: BlobRef, createdAt: number, format: string | null): string;
  /** Make durable under its final name (fsync file and folder). Idempotent. */
  finalize(ref: SealedBlobRef, storageKey: string): Promise<void>;
  /** Delete all bytes, partial or final, of an upload that was not settled. Idempotent. */
  discard(ref: BlobRef, storageKey: string | null): Promise<void>;
  /**
   * Delete what a writer has made that was overtaken and has closed: `late` is where its bytes are, as it told itself.
   * `current` is sealed or completed, under `storageKey`: what its file is made of stays. Idempotent.
   */
  discardOvertaken(late: BlobRef, current: BlobRef, storageKey: string): Promise<void>;
  /**
   * Store the first `bytes` of each piece, which has them all, in order under a new reference, without their
   * passing through here; another writer's attempt is not touched. Null where these cannot be joined so. Left
   * out by stores that never can.
   */
  joinBlobs?(
    ref: BlobRef,
    at: { readonly epoch: number; readonly signal?: AbortSignal },
    pieces: readonly { readonly ref: BlobRef; readonly bytes: number }[],
  ): Promise<BlobProgress | null>;
  /** The last moment at which somebody outside of the service could store bytes of this upload; 0 for never. Pure. */
  writableUntil?(ref: BlobRef): number;
}

/**
 * Bytes that no session knows of, in a store that lists what is unfinished: left by writers that died before they
 * could tell anybody, or of sessions that were lost with the store that kept them.
 */
export interface AbandonedUploads {
  /**
   * Remove what this service wrote more than `olderThanMs` ago for sessions that are not live. Gives how many
   * things it removed, and how many unfinished ones it found. Several may do it at once. What `isLive` throws ends it.
   */
  sweepAbandoned(options: {
    readonly olderThanMs: number;
    readonly isLive: (sessionId: string) => Promise<boolean>;
    readonly signal?: AbortSignal;
  }): Promise<{ readonly removed: number; readonly unfinished: number }>;
}
