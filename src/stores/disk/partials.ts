import type { FileHandle } from 'node:fs/promises';
import type { BlobRef } from '../../core/ports.ts';
import { ifPresent } from './faults.ts';
import { copyPrefix, createFile, namesIn, openFile, openForReading, remove } from './files.ts';
import { type DiskPaths, type DiskStorage, generationOf, parseStorage } from './paths.ts';

/** A partial file, open for writing. */
export interface OpenPartial {
  readonly file: FileHandle;
  /** Bytes in it: what was asked for, or fewer where the disk has lost some. */
  readonly offset: number;
  readonly storage: DiskStorage;
}

export interface Partials {
  /** Open what is stored for writing at `offset`; see `BlobStore.open`. */
  open(
    ref: BlobRef,
    at: { readonly offset: number; readonly epoch: number; readonly sole: boolean },
  ): Promise<OpenPartial>;
  /** Path of the partial file with at least `bytes` in it; null where there is none. */
  find(ref: BlobRef, bytes: number): Promise<string | null>;
  /** That file, open for reading; null where there is none. */
  openToRead(ref: BlobRef, bytes: number): Promise<FileHandle | null>;
  /** Where it should be, as it was noted; null where nothing was. */
  noted(ref: BlobRef): string | null;
  /** Delete the generations that `except` does not name. */
  removeAll(sessionId: string, except?: (generation: number) => boolean): Promise<void>;
}

/** More than there can be writers of one upload at once. */
const MOST_LOOKS = 1000;

export function createPartials(paths: DiskPaths): Partials {
  async function generations(sessionId: string): Promise<number[]> {
    const found = (await namesIn(paths.tempFolder)).map((name) => generationOf(name, sessionId));
    return found.filter((generation) => generation !== null).sort((a, b) => a - b);
  }

  async function removeAll(sessionId: string, except: (generation: number) => boolean = () => false) {
    for (const generation of await generations(sessionId)) {
      if (!except(generation)) await remove(paths.partial(sessionId, generation));
    }
  }

  async function sizeOf(path: string): Promise<number | null> {
    const file = await ifPresent(openForReading(path));
    if (!file) return null;
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  /**
   * The generation that was noted. Where it is gone, its writer was cut off between copying it and telling the
   * session store: then the oldest other one that is long enough, since copies grow from the front.
   *
   * Newer writers may be taking each other's files away meanwhile. One of them is whole at every moment, so that there
   * is none long enough is believed only where nothing has changed from one look to the next.
   */
  async function findGeneration(ref: BlobRef, bytes: number): Promise<number | null> {
    const noted = parseStorage(ref.storage);
    if (!noted) return null;
    if ((await sizeOf(paths.partial(ref.sessionId, noted.generation))) !== null) return noted.generation;
    let before: string | null = null;
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const found = await look(ref.sessionId);
      const enough = found.there.find(({ size }) => size >= bytes);
      if (enough) return enough.generation;
      if (found.names === before) return found.there.sort((a, b) => b.size - a.size)[0]?.generation ?? null;
      before = found.wentAway ? null : found.names;
    }
    throw new Error(`partial files of ${ref.sessionId} come and go`);
  }

  /** All generations, the oldest first, with their sizes in bytes. */
  async function look(sessionId: string) {
    const listed = await generations(sessionId);
    const there: { generation: number; size: number }[] = [];
    for (const generation of listed) {
      const size = await sizeOf(paths.partial(sessionId, generation));
      if (size !== null) there.push({ generation, size });
    }
    return { there, names: listed.join(), wentAway: there.length < listed.length };
  }

  /**
   * Do it with what is found. Where that is gone by then, a newer writer has taken it away: its own copy is whole,
   * so look again.
   */
  async function withFound<T>(
    ref: BlobRef,
    bytes: number,
    use: (generation: number) => Promise<T | null>,
  ): Promise<T | null> {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const generation = await findGeneration(ref, bytes);
      if (generation === null) return null;
      const used = await use(generation);
      if (used !== null) return used;
    }
    throw new Error(`partial files of ${ref.sessionId} come and go`);
  }

  async function openInPlace(ref: BlobRef, generation: number, offset: number): Promise<OpenPartial | null> {
    const file = await ifPresent(openFile(paths.partial(ref.sessionId, generation)));
    if (!file) return null;
    try {
      const { size } = await file.stat();
      if (size > offset) await file.truncate(offset);
      const forked = parseStorage(ref.storage)?.forked ?? false;
      return { file, offset: Math.min(size, offset), storage: { generation, forked } };
    } catch (fault) {
      await file.close();
      throw fault;
    }
  }

  /** The copy is whole before the original goes, so one of them is always there. */
  async function fork(ref: BlobRef, original: number, at: { offset: number; epoch: number }) {
    const generation = at.epoch;
    const source = await ifPresent(openForReading(paths.partial(ref.sessionId, original)));
    if (!source) return null;
    try {
      const path = paths.partial(ref.sessionId, generation);
      const file = await createFile(path);
      let isWhole = false;
      try {
        const copied = await copyPrefix(source, file, at.offset);
        await file.datasync();
        isWhole = copied === at.offset;
        if (isWhole) await removeAll(ref.sessionId, (other) => other >= generation);
        return { file, offset: copied, storage: { generation, forked: true } };
      } catch (fault) {
        await file.close();
        // A disk that is full is not to be filled with the copies of those who try again.
        if (!isWhole) await remove(path).catch(() => {});
        throw fault;
      }
    } finally {
      await source.close();
    }
  }

  return {
    removeAll,

    noted(ref) {
      const noted = parseStorage(ref.storage);
      return noted === null ? null : paths.partial(ref.sessionId, noted.generation);
    },

    async open(ref, at) {
      // It is nearly always where it was noted to be: then it is opened once.
      const noted = at.sole ? parseStorage(ref.storage) : null;
      const inPlace = noted && (await openInPlace(ref, noted.generation, at.offset));
      if (inPlace) return inPlace;
      const opened = await withFound(ref, at.offset, (generation) =>
        at.sole ? openInPlace(ref, generation, at.offset) : fork(ref, generation, at),
      );
      if (opened) return opened;
      const file = await createFile(paths.partial(ref.sessionId, at.epoch));
      // Of writers before the first none has told of its file.
      return { file, offset: 0, storage: { generation: at.epoch, forked: at.epoch > 1 } };
    },

    async find(ref, bytes) {
      const generation = await findGeneration(ref, bytes);
      return generation === null ? null : paths.partial(ref.sessionId, generation);
    },

    openToRead: (ref, bytes) =>
      withFound(ref, bytes, (generation) =>
        ifPresent(openForReading(paths.partial(ref.sessionId, generation))),
      ),
  };
}
