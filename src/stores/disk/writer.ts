import type { FileHandle } from 'node:fs/promises';
import type { BlobWriter } from '../../core/ports.ts';
import { storageFault } from './faults.ts';
import { writeFully } from './files.ts';

/** When bytes are forced onto the disk: before each is acknowledged, when the upload completes, or never. */
export type FsyncPolicy = 'always' | 'complete' | 'never';

/** With `always`, bytes are forced out, and so may be acknowledged, after this many or this long. */
const SYNC_BYTES = 8 << 20;
const SYNC_MS = 1000;

export function createDiskWriter(
  file: FileHandle,
  at: { readonly offset: number; readonly storage: string; readonly fsync: FsyncPolicy },
): BlobWriter {
  const { storage } = at;
  const always = at.fsync === 'always';
  let written = at.offset;
  let synced = at.offset;
  let syncedAt = performance.now();

  async function sync(): Promise<void> {
    if (synced === written) return;
    const reached = written;
    await file.datasync();
    synced = reached;
    syncedAt = performance.now();
  }

  async function guarded(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (fault) {
      throw storageFault(fault);
    }
  }

  return {
    write: (chunks) =>
      guarded(async () => {
        await writeFully(file, chunks, written, (bytes) => {
          written += bytes;
        });
        const due = written - synced >= SYNC_BYTES || performance.now() - syncedAt >= SYNC_MS;
        if (always && due) await sync();
      }),

    progress: () => ({ offset: always ? synced : written, storage }),

    close: () =>
      guarded(async () => {
        try {
          if (always) await sync();
        } finally {
          await file.close();
        }
      }),
  };
}
