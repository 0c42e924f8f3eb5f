import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { errnoOf, ifPresent } from './faults.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
const COPY_BYTES = 1 << 20;

/** Readable by this service alone. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
}

/** A new file. A leftover of that very name is nobody's any more: names carry the writer's epoch. */
export async function createFile(path: string): Promise<FileHandle> {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  try {
    return await open(path, flags, FILE_MODE);
  } catch (fault) {
    if (errnoOf(fault) !== 'EEXIST') throw fault;
    await unlink(path);
    return open(path, flags, FILE_MODE);
  }
}

export function openFile(path: string): Promise<FileHandle> {
  return open(path, O_RDWR | O_NOFOLLOW);
}

export function openForReading(path: string): Promise<FileHandle> {
  return open(path, O_RDONLY | O_NOFOLLOW);
}

export async function remove(path: string): Promise<void> {
  await ifPresent(unlink(path));
}

/** Names in a folder; none where the folder is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await ifPresent(readdir(folder))) ?? [];
}

/** Make a rename, a creation or a removal in this folder outlive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copy the first `bytes`, or fewer where the source is shorter. Gives the number copied. */
export async function copyPrefix(from: FileHandle, to: FileHandle, bytes: number): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
  let copied = 0;
  while (copied < bytes) {
    const want = Math.min(COPY_BYTES, bytes - copied);
    const { bytesRead } = await from.read(buffer, 0, want, copied);
    if (bytesRead === 0) break;
    await writeFully(to, [buffer.subarray(0, bytesRead)], copied);
    copied += bytesRead;
  }
  return copied;
}

/**
 * Write everything at `position`, told of each part as it is written: a disk that fills up takes the first
 * part and fails the next.
 */
export async function writeFully(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
  onWritten: (bytes: number) => void = () => {},
): Promise<void> {
  let at = position;
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at);
    if (bytesWritten === 0) throw new Error('the file takes no more bytes');
    at += bytesWritten;
    onWritten(bytesWritten);
    rest = without(rest, bytesWritten);
  }
}

function without(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}

/**
 * Rename, also to another file system: there the file is copied next to its place first, so that under the
 * final name stands all of it or nothing. A copy that fails is removed.
 */
export async function moveFile(
  from: string,
  to: string,
  by: { readonly staging: () => Promise<string>; readonly rename?: typeof rename; readonly sync: boolean },
): Promise<'renamed' | 'copied'> {
  const move = by.rename ?? rename;
  try {
    await move(from, to);
    return 'renamed';
  } catch (fault) {
    if (errnoOf(fault) !== 'EXDEV') throw fault;
  }
  const staged = await by.staging();
  try {
    await copyFile(from, staged, by.sync);
    await move(staged, to);
  } catch (fault) {
    // A disk that is full is not to be filled with the copies of those who try again.
    await remove(staged).catch(() => {});
    throw fault;
  }
  await remove(from);
  return 'copied';
}

async function copyFile(from: string, to: string, sync: boolean): Promise<void> {
  const source = await openForReading(from);
  try {
    const copy = await createFile(to);
    try {
      await copyPrefix(source, copy, Number.POSITIVE_INFINITY);
      if (sync) await copy.datasync();
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}
