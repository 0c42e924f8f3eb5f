import type { FileHandle } from 'node:fs/promises';
import { SluiceError } from '../../core/errors.ts';
import { createRecent } from '../../core/recent.ts';

/**
 * What of each upload the disk has. A disk that failed to take bytes says so once: the system takes what it could not
 * write for clean from then on, and the next call to force it out succeeds. So a fault stands until the bytes have been
 * written again, by a writer who begins before them. It is known to this process alone.
 */

/**
 * With `complete`, the disk is kept busy beside the network, so that little is left to be forced out at the end. That
 * counts over all requests of an upload: one that is sent in small parts has as much to be forced out as another.
 */
const WRITE_BACK_BYTES = 16 << 20;

/** Uploads of which it is known how much of them the disk has. Of others that is found out at their end. */
const REMEMBERED = 10_000;

/** What fails takes along what stood before it in its block, and ext4 and XFS have no larger ones. */
const LARGEST_BLOCK_BYTES = 64 << 10;

/** How much of one upload's file the disk has, for as long as one writer writes to it. */
export interface WriteBack {
  /** Of `written` bytes from the start, those that are to be told: fewer only once the disk has failed. */
  reliable(written: number): number;
  /**
   * Force out what is written so far, if it is enough to be worth it, beside whatever comes next. Throws what the disk
   * said of an earlier try, of a request before, too.
   */
  beside(file: FileHandle, written: number): void;
  /** Force out all that is written, now. Throws as `beside` does. */
  all(file: FileHandle, written: number): Promise<void>;
  /** Close the file, as soon as the disk has what it was told to take by `beside`. Nobody has to wait for that. */
  close(file: FileHandle): Promise<void>;
}

export interface WriteBacks {
  /** Of `offset` bytes that a writer finds stored, those that it may go on from: see `WriteBack.reliable`. */
  reliable(sessionId: string, offset: number): number;
  /** For the writer of this epoch, which begins at `offset`, where the file ends. */
  begin(writer: { readonly sessionId: string; readonly epoch: number; readonly offset: number }): WriteBack;
  /** Whether all that this writer wrote, the last one of the upload, is on the disk for certain. */
  isWhole(sessionId: string, epoch: number): boolean;
  /** Resolves when nothing of the upload is on its way to the disk; throws where bytes of it are lost. */
  settled(sessionId: string): Promise<void>;
  /** Force out a file to which nothing is added any more; throws where bytes of it are lost. */
  forceOut(sessionId: string, file: FileHandle): Promise<void>;
}

interface Progress {
  readonly epoch: number;
  /** Bytes from the start that are on the disk for certain. */
  forced: number;
  /** Where that begins which was written here and the disk is still to take. */
  pendingFrom: number;
  /** Never rejects. */
  underWay: Promise<void> | null;
  fault: unknown;
  isWhole: boolean;
}

export function createWriteBacks(): WriteBacks {
  const known = createRecent<Progress>(REMEMBERED);

  function progressOf(sessionId: string): Progress {
    const progress = known.get(sessionId) ?? startOf(0, 0);
    known.set(sessionId, progress);
    return progress;
  }

  return {
    reliable(sessionId, offset) {
      const progress = known.get(sessionId);
      return progress ? reliable(progress, offset) : offset;
    },

    begin({ sessionId, epoch, offset }) {
      const before = known.get(sessionId);
      const progress = startOf(epoch, offset);
      if (before) followUp(progress, before, offset);
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
      if (progress && progress.fault !== null) throw lost(progress.fault);
    },

    async forceOut(sessionId, file) {
      try {
        await force(progressOf(sessionId), file, 0);
      } catch (fault) {
        throw lost(fault);
      }
    },
  };
}

function startOf(epoch: number, offset: number): Progress {
  return { epoch, forced: 0, pendingFrom: offset, underWay: null, fault: null, isWhole: false };
}

/** What is known of the writer before goes on to count, as far as its bytes were kept. */
function followUp(progress: Progress, before: Progress, offset: number): void {
  // Others may have written in between, who knows what.
  const isNext = before.epoch === progress.epoch - 1;
  const keptOf = (bytes: number) => (isNext ? Math.min(offset, bytes) : 0);
  progress.forced = keptOf(before.forced);
  progress.pendingFrom = Math.min(offset, before.pendingFrom);
  if (reliable(before, offset) < offset) progress.fault = before.fault;
  if (!before.underWay) return;
  progress.underWay = before.underWay.then(() => {
    progress.underWay = null;
    if (before.fault !== null) return fail(progress, before.fault, keptOf(before.forced));
    succeed(progress, keptOf(before.forced), Math.min(offset, before.pendingFrom));
  });
}

function succeed(progress: Progress, forced: number, pendingFrom = forced): void {
  // The disk tells of a fault once: whoever asks beside somebody else may be told that all is well.
  if (progress.fault === null) progress.forced = Math.max(progress.forced, forced);
  progress.pendingFrom = Math.max(progress.pendingFrom, pendingFrom);
}

/** @param forced what was on the disk before that was tried which failed. */
function fail(progress: Progress, fault: unknown, forced: number): void {
  progress.fault ??= fault;
  progress.forced = Math.min(progress.forced, forced);
}

function reliable({ fault, forced }: Progress, written: number): number {
  return fault === null ? written : Math.min(written, forced - (forced % LARGEST_BLOCK_BYTES));
}

async function force(progress: Progress, file: FileHandle, written: number): Promise<void> {
  const { forced } = progress;
  try {
    await file.datasync();
  } catch (fault) {
    fail(progress, fault, forced);
    throw fault;
  }
  succeed(progress, written);
}

function throwFault({ fault }: Progress): void {
  if (fault !== null) throw fault;
}

function lost(fault: unknown): SluiceError {
  const message = 'The storage has lost bytes of this upload. Start a new session and send the file again.';
  return new SluiceError('STORAGE_UNAVAILABLE', message, { cause: fault, bytesAreLost: true });
}

function writeBackOf(progress: Progress): WriteBack {
  return {
    reliable: (written) => reliable(progress, written),

    beside(file, written) {
      throwFault(progress);
      if (progress.underWay || written - progress.pendingFrom < WRITE_BACK_BYTES) return;
      progress.underWay = force(progress, file, written)
        // It is noted.
        .catch(() => {})
        .finally(() => {
          progress.underWay = null;
        });
    },

    async all(file, written) {
      throwFault(progress);
      await Promise.all([progress.underWay, force(progress, file, written)]);
      throwFault(progress);
      progress.isWhole = true;
    },

    async close(file) {
      const { underWay } = progress;
      if (underWay === null) return file.close();
      void underWay
        .then(() => file.close())
        .catch((fault: unknown) => fail(progress, fault, progress.forced));
    },
  };
}
