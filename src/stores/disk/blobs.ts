import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { AbandonedUploads, BlobRef, BlobStore, Probe, SealedBlobRef } from '../../core/ports.ts';
import { FILE_FORMATS } from '../../core/session.ts';
import { shareRuns } from '../../core/shared-runs.ts';
import { createAbandonedFiles } from './abandoned-files.ts';
import { errnoOf, ifPresent, withStorageFaults } from './faults.ts';
import { makeFolder, moveFile, namesIn, openForReading, remove, syncFolder } from './files.ts';
import { createPartials } from './partials.ts';
import { checkedId, createPaths, diskStorageKey, formatStorage } from './paths.ts';
import { createWriteBacks } from './write-back.ts';
import { createDiskWriter, type FsyncPolicy } from './writer.ts';

export interface DiskBlobsOptions {
  /** Where finished files go, as `<session_id>.<format>`. Made where it is not there. */
  readonly uploadFolder: string;
  /** Where partial files are. Best on the same file system: then finishing is one rename. */
  readonly tempFolder: string;
  readonly fsync: FsyncPolicy;
}

const READ_BYTES = 1 << 20;

/** Bytes of uploads as files of one machine. */
export function createDiskBlobStore(options: DiskBlobsOptions): BlobStore & Probe & AbandonedUploads {
  const { fsync } = options;
  const paths = createPaths(options);
  const partials = createPartials(paths);
  const writeBacks = createWriteBacks();
  const syncUploads = shareRuns(() => syncFolder(paths.uploadFolder));
  let folders: Promise<void> | null = null;

  function prepareFolders(): Promise<void> {
    folders ??= Promise.all([makeFolder(paths.uploadFolder), makeFolder(paths.tempFolder)]).then(
      () => {},
      (fault: unknown) => {
        folders = null;
        throw fault;
      },
    );
    return folders;
  }

  async function staging(sessionId: string): Promise<string> {
    await makeFolder(paths.incomingFolder);
    return join(paths.incomingFolder, `${sessionId}.${randomBytes(6).toString('hex')}`);
  }

  async function removeStaged(sessionId: string): Promise<void> {
    for (const name of await namesIn(paths.incomingFolder)) {
      if (name.startsWith(`${sessionId}.`)) await remove(join(paths.incomingFolder, name));
    }
  }

  async function forceOut(sessionId: string, path: string): Promise<void> {
    const file = await openForReading(path);
    try {
      await writeBacks.forceOut(sessionId, file);
    } finally {
      await file.close();
    }
  }

  async function isThere(path: string): Promise<boolean> {
    return (await ifPresent(access(path).then(() => true))) ?? false;
  }

  /** Path of the partial file, all of it on the disk; null where there is none. */
  async function forcedPartial(ref: BlobRef): Promise<string | null> {
    if (fsync === 'never') return partials.find(ref, 0);
    await writeBacks.settled(ref.sessionId);
    // It is nearly always where it was noted to be: then it is opened once.
    const noted = partials.noted(ref);
    if (noted !== null && (await ifPresent(forceOut(ref.sessionId, noted).then(() => true)))) return noted;
    const partial = await partials.find(ref, 0);
    if (partial !== null) await forceOut(ref.sessionId, partial);
    return partial;
  }

  function move(partial: string, sessionId: string, final: string) {
    return moveFile(partial, final, { staging: () => staging(sessionId), sync: fsync !== 'never' });
  }

  /** `before`: by a run that was cut off, or by one beside us. */
  async function moveInPlace(ref: SealedBlobRef, final: string): Promise<'renamed' | 'copied' | 'before'> {
    const isWhole = ref.epoch !== undefined && writeBacks.isWhole(ref.sessionId, ref.epoch);
    const noted = isWhole ? partials.noted(ref) : null;
    const moved = noted === null ? null : await ifPresent(move(noted, ref.sessionId, final));
    if (moved) return moved;
    try {
      const partial = await forcedPartial(ref);
      if (partial === null) throw Object.assign(new Error('no partial file'), { code: 'ENOENT' });
      return await move(partial, ref.sessionId, final);
    } catch (fault) {
      if (errnoOf(fault) === 'ENOENT' && (await isThere(final))) return 'before';
      throw fault;
    }
  }

  async function finalize(ref: SealedBlobRef, storageKey: string): Promise<void> {
    const moved = await moveInPlace(ref, paths.final(storageKey));
    if (fsync !== 'never') await syncUploads();
    if (ref.storage?.includes('"forked":true')) await partials.removeAll(ref.sessionId);
    // Where it could be renamed, no run before had to copy it.
    if (moved !== 'renamed') await removeStaged(ref.sessionId);
  }

  /** The file under its final name, whose extension the caller does not know. */
  async function openFinal(sessionId: string): Promise<FileHandle | null> {
    for (const format of [null, ...FILE_FORMATS]) {
      const file = await ifPresent(
        openForReading(paths.final(diskStorageKey({ sessionId, storage: null }, format))),
      );
      if (file) return file;
    }
    for await (const entry of await opendir(paths.uploadFolder)) {
      if (entry.name.startsWith(`${sessionId}.`)) return openForReading(join(paths.uploadFolder, entry.name));
    }
    return null;
  }

  async function openStored(ref: BlobRef, bytes: number): Promise<FileHandle> {
    const found = (await partials.openToRead(ref, bytes)) ?? (await openFinal(checkedId(ref.sessionId)));
    if (found) return found;
    throw new SluiceError('STORAGE_UNAVAILABLE', 'The stored bytes cannot be read. Try again in a moment.', {
      cause: new Error(`no file of session ${ref.sessionId}`),
      bytesAreLost: true,
    });
  }

  return {
    ...createAbandonedFiles(paths),
    backend: 'disk',
    name: 'storage',

    open: (ref, at) =>
      withStorageFaults(async () => {
        await prepareFolders();
        const reliable = writeBacks.reliable(ref.sessionId, at.offset);
        const { file, offset, storage } = await partials.open(ref, { ...at, offset: reliable });
        try {
          if (fsync === 'always') await syncFolder(paths.tempFolder);
        } catch (fault) {
          await file.close();
          throw fault;
        }
        return createDiskWriter(file, {
          ...{ offset, length: at.length, storage: formatStorage(storage), fsync },
          writeBack: writeBacks.begin({ sessionId: ref.sessionId, epoch: at.epoch, offset }),
        });
      }),

    async *read(ref, { length = Number.POSITIVE_INFINITY, signal }) {
      const file = await withStorageFaults(() => openStored(ref, length));
      try {
        for (let at = 0; at < length; ) {
          signal?.throwIfAborted();
          const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - at));
          const { bytesRead } = await withStorageFaults(() => file.read(buffer, 0, buffer.length, at));
          if (bytesRead === 0) return;
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
    },

    storageKey: (ref, _createdAt, format) => diskStorageKey(ref, format),
    finalize: (ref, storageKey) => withStorageFaults(() => finalize(ref, storageKey)),

    discard: (ref, storageKey) =>
      withStorageFaults(async () => {
        await partials.removeAll(checkedId(ref.sessionId));
        await removeStaged(ref.sessionId);
        if (storageKey !== null) await remove(paths.final(storageKey));
      }),

    // Until the file is in its place, whoever puts it there still looks for what is left.
    discardOvertaken: (late, _current, storageKey) =>
      withStorageFaults(async () => {
        const own = partials.noted(late);
        if (own !== null && (await isThere(paths.final(storageKey)))) await remove(own);
      }),

    async check() {
      await withStorageFaults(async () => {
        await prepareFolders();
        const { W_OK, X_OK } = constants;
        await Promise.all(
          [paths.uploadFolder, paths.tempFolder].map((folder) => access(folder, W_OK | X_OK)),
        );
      });
    },
  };
}
