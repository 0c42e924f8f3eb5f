import type { FileHandle } from 'node:fs/promises';
import { createRecent } from '../../core/recent.ts';

/**
 * With `complete`, the disk is kept busy beside the network, so that little is left to be forced out at the end. That
 * counts over all requests of an upload: one that is sent in small parts has as much to be forced out as another.
 */
const WRITE_BACK_BYTES = 16 << 20;

/** Uploads of which it is known how much of them the disk has. Of others that is found out at their end. */
const REMEMBERED = 10_000;

/** How much of one upload's file the disk has, for as long as one writer writes to it. */
export interface WriteBack {
  /** Bytes from the start that the disk has, as far as that is known. */
  readonly forced: number;
  /**
   * Force out what is written so far, if it is enough to be worth it, beside whatever comes next. Throws what the disk
   * said of an earlier try, of a request before, too: the operating system tells of that once, so it must not be lost.
   */
  beside(file: FileHandle, written: number): void;
  /** Force out all that is written, now. */
  all(file: FileHandle, written: number): Promise<void>;
  /** Close the file, as soon as the disk has what it was told to take by `beside`. Nobody has to wait for that. */
  close(file: FileHandle): Promise<void>;
}

export interface WriteBacks {
  /** For the writer of this epoch, which begins at `offset`. */
  begin(writer: { readonly sessionId: string; readonly epoch: number; readonly offset: number }): WriteBack;
  /** Whether all that this writer wrote, the last one of the upload, is on the disk for certain. */
  isWhole(sessionId: string, epoch: number): boolean;
  /** Resolves when nothing of the upload is on its way to the disk; throws what the disk said, as `beside` does. */
  settled(sessionId: string): Promise<void>;
}

interface Progress {
  readonly epoch: number;
  forced: number;
  /** Never rejects. */
  underWay: Promise<void> | null;
  fault: unknown;
  isWhole: boolean;
}

export function createWriteBacks(): WriteBacks {
  const known = createRecent<Progress>(REMEMBERED);

  return {
    begin({ sessionId, epoch, offset }) {
      const before = known.get(sessionId);
      const progress: Progress = {
        epoch,
        forced: Math.min(offset, before?.forced ?? offset),
        underWay: null,
        fault: before?.fault ?? null,
        isWhole: false,
      };
      if (before?.underWay) followUp(progress, before, before.underWay, offset);
      known.set(sessionId, progress);
      return writeBackOf(progress);
    },

    isWhole(sessionId, epoch) {
      const progress = known.get(sessionId);
      return progress?.epoch === epoch && progress.isWhole;
    },

    async settled(sessionId) {
      const progress = known.get(sessionId);
      await progress?.underWay;
      if (progress) throwFault(progress);
    },
  };
}

/** What the writer before had begun goes on; what it brings counts as far as its bytes were kept. */
function followUp(progress: Progress, before: Progress, underWay: Promise<void>, offset: number): void {
  progress.underWay = underWay.then(() => {
    progress.forced = Math.max(progress.forced, Math.min(offset, before.forced));
    progress.fault ??= before.fault;
    progress.underWay = null;
  });
}

function throwFault(progress: Progress): void {
  const { fault } = progress;
  progress.fault = null;
  if (fault !== null) throw fault;
}

function writeBackOf(progress: Progress): WriteBack {
  async function force(file: FileHandle, written: number): Promise<void> {
    await file.datasync();
    progress.forced = Math.max(progress.forced, written);
  }

  return {
    get forced() {
      return progress.forced;
    },

    beside(file, written) {
      throwFault(progress);
      if (progress.underWay || written - progress.forced < WRITE_BACK_BYTES) return;
      progress.underWay = force(file, written)
        .catch((fault: unknown) => {
          progress.fault ??= fault;
        })
        .finally(() => {
          progress.underWay = null;
        });
    },

    async all(file, written) {
      await Promise.all([progress.underWay, force(file, written)]);
      throwFault(progress);
      progress.isWhole = true;
    },

    async close(file) {
      const { underWay } = progress;
      if (underWay === null) return file.close();
      void underWay
        .then(() => file.close())
        .catch((fault: unknown) => {
          progress.fault ??= fault;
        });
    },
  };
}
