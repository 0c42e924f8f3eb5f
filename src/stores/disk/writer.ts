import type { FileHandle } from 'node:fs/promises';
import type { BlobWriter } from '../../core/ports.ts';
import { storageFault } from './faults.ts';
import { writeFully } from './files.ts';

/** When bytes are forced onto the disk: before each is acknowledged, when the upload completes, or never. */
export type FsyncPolicy = 'always' | 'complete' | 'never';

/** With `always`, bytes are forced out, and so may be acknowledged, after this many or this long. */
const SYNC_BYTES = 8 << 20;
const SYNC_MS = 1000;

/**
 * With `complete`, the disk is kept busy beside the network, so that little is left to be forced out at the end. That
 * counts over all requests of an upload: one that is sent in small parts has as much to be forced out as another.
 */
const WRITE_BACK_BYTES = 16 << 20;

export interface DiskWriterOptions {
  readonly offset: number;
  readonly storage: string;
  readonly fsync: FsyncPolicy;
  /** Bytes before `offset` that earlier writers have left to be forced out, as far as that is known. */
  readonly unforced: number;
  /** Told when it is closed: how many are left now. */
  readonly onLeft: (unforced: number) => void;
}

export function createDiskWriter(file: FileHandle, options: DiskWriterOptions): BlobWriter {
  const { offset, storage, fsync, onLeft } = options;
  let written = offset;
  let synced = offset - options.unforced;
  let syncedAt = performance.now();
  let writeBack: Promise<void> | null = null;
  let fault: unknown = null;

  async function sync(): Promise<void> {
    const reached = written;
    if (synced === reached) return;
    await file.datasync();
    synced = reached;
    syncedAt = performance.now();
  }

  /** A failed sync is told once, and only once, by the operating system: it must not be lost. */
  function startWriteBack(): void {
    if (writeBack || written - synced < WRITE_BACK_BYTES) return;
    writeBack = sync()
      .catch((cause: unknown) => {
        fault ??= cause;
      })
      .finally(() => {
        writeBack = null;
      });
  }

  async function write(chunks: readonly Uint8Array[]): Promise<void> {
    if (fault !== null) throw fault;
    // Before a write, not after it: behind the last one of a request its answer would wait.
    if (fsync === 'complete') startWriteBack();
    await writeFully(file, chunks, written, (bytes) => {
      written += bytes;
    });
    const due = written - synced >= SYNC_BYTES || performance.now() - syncedAt >= SYNC_MS;
    if (fsync === 'always' && due) await sync();
  }

  async function close(): Promise<void> {
    try {
      await writeBack;
      if (fault !== null) throw fault;
      if (fsync === 'always') await sync();
      onLeft(written - synced);
    } finally {
      await file.close();
    }
  }

  return {
    write: (chunks) => write(chunks).catch(rethrow),
    close: () => close().catch(rethrow),
    progress: () => ({ offset: fsync === 'always' ? synced : written, storage }),
  };
}

function rethrow(fault: unknown): never {
  throw storageFault(fault);
}
