import type { FileHandle } from 'node:fs/promises';
import type { BlobWriter, StoreInFile } from '../../core/ports.ts';
import { storageFault } from './faults.ts';
import { writeFully } from './files.ts';
import type { WriteBack } from './write-back.ts';

/** When bytes are forced onto the disk: before each is acknowledged, when the upload completes, or never. */
export type FsyncPolicy = 'always' | 'complete' | 'never';

/** With `always`, bytes are forced out, and so may be acknowledged, after this many or this long. */
const SYNC_BYTES = 8 << 20;
const SYNC_MS = 1000;

export interface DiskWriterOptions {
  readonly offset: number;
  /** Bytes of the whole file, or null where nobody knows. */
  readonly length: number | null;
  readonly storage: string;
  readonly fsync: FsyncPolicy;
  readonly writeBack: WriteBack;
}

export function createDiskWriter(file: FileHandle, options: DiskWriterOptions): BlobWriter {
  const { offset, length, storage, fsync, writeBack } = options;
  let written = offset;
  /** With `always`: what may be acknowledged. */
  let forced = offset;
  let forcedAt = performance.now();

  async function force(): Promise<void> {
    const reached = written;
    if (forced === reached) return;
    await writeBack.all(file, reached);
    forced = reached;
    forcedAt = performance.now();
  }

  /** Bytes that were given away to be written, and the last of those calls. */
  let given = offset;
  let underWay: Promise<void> | null = null;
  let failure: Error | null = null;

  async function settle(): Promise<void> {
    await underWay;
    if (failure) throw failure;
  }

  async function writeBy(store: StoreInFile, chunks: readonly Uint8Array[]): Promise<void> {
    if (failure) throw failure;
    if (fsync === 'complete') writeBack.beside(file, written);
    const position = given;
    given += chunks.reduce((sum, { length: bytes }) => sum + bytes, 0);
    const earlier = underWay;
    underWay = store({ descriptor: file.fd, position }, chunks).then((stored) => {
      // Behind a gap nothing counts.
      if (position === written) written += stored.written;
      failure ??= stored.fault;
    });
    await earlier;
    if (fsync === 'always') await underWay;
    if (failure) throw failure;
    await forceIfDue();
  }

  async function forceIfDue(): Promise<void> {
    const due = written - forced >= SYNC_BYTES || performance.now() - forcedAt >= SYNC_MS;
    if (fsync === 'always' && due) await force();
  }

  async function write(chunks: readonly Uint8Array[]): Promise<void> {
    await settle();
    // Before a write, not after it: behind the last one of a request its answer would wait.
    if (fsync === 'complete') writeBack.beside(file, written);
    await writeFully(file, chunks, written, (bytes) => {
      written += bytes;
    });
    given = written;
    await forceIfDue();
  }

  async function close(isWhole: boolean): Promise<void> {
    try {
      await settle();
      // The end of the file is forced out here, where it is still open, and not again when it gets its final name.
      if (fsync === 'complete' && (isWhole || written === length)) await writeBack.all(file, written);
      if (fsync === 'always') await force();
    } finally {
      await writeBack.close(file);
    }
  }

  return {
    write: (chunks) => write(chunks).catch(rethrow),
    writeBy: (store, chunks) => writeBy(store, chunks).catch(rethrow),
    close: (options) => close(options?.isWhole ?? false).catch(rethrow),
    progress: () => ({ offset: writeBack.reliable(fsync === 'always' ? forced : written), storage }),
  };
}

function rethrow(fault: unknown): never {
  throw storageFault(fault);
}
