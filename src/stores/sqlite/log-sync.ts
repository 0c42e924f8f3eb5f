import { type FileHandle, open } from 'node:fs/promises';
import { shareRuns } from '../../core/shared-runs.ts';
import { recordsAway } from './faults.ts';

/**
 * A request waits this long for the disk, then answers 503. A disk that is full of what uploads force out, gigabytes of it,
 * takes seconds, and is neither away nor hung: whoever completes an upload waits for it anyway.
 */
const DEADLINE_MS = 20_000;

/** Forces the write-ahead log of a database to the disk. */
export interface LogSync {
  /**
   * Resolves once everything that was committed before the call outlives a power cut. Rejects with
   * `LEDGER_UNAVAILABLE` where the disk refuses, or does not answer in time: then nobody knows whether it does.
   */
  force(): Promise<void>;
  close(): void;
}

/**
 * SQLite itself would do this in `COMMIT` (`synchronous = FULL`), which blocks the event loop for as long as the disk takes:
 * no other request is read, and none can share the wait. In WAL mode a commit is what stands in the log, so forcing the
 * log's file afterwards makes it as durable; frames that a checkpoint has moved meanwhile were forced out by that. No lock
 * of SQLite's is on that file (https://www.sqlite.org/wal.html), so closing it releases none.
 *
 * A failed sync is told once: the system then takes the pages for written. So after one the log is believed no more, but
 * brought into the database, which is forced out by SQLite, before anything else counts as durable.
 *
 * @param checkpoint brings all of the log into the database and forces that out, or throws.
 */
export function createLogSync(file: string, checkpoint: () => void): LogSync {
  let log: FileHandle | null = null;
  let isDoubtful = false;
  let isClosed = false;

  const force = shareRuns(async () => {
    try {
      if (isDoubtful) {
        checkpoint();
      } else {
        log ??= await opened();
        await log.datasync();
      }
      isDoubtful = false;
    } catch (fault) {
      isDoubtful = true;
      throw recordsAway(fault);
    }
  });

  async function opened(): Promise<FileHandle> {
    if (isClosed) throw new Error('The database is closed.');
    const handle = await open(`${file}-wal`);
    if (isClosed) letGo(handle);
    return handle;
  }

  return {
    force: () => inTime(force()),
    close() {
      isClosed = true;
      if (log) letGo(log);
    },
  };
}

/** What could go wrong has no consequence: nothing is written by this handle. A sync under way is waited for. */
function letGo(handle: FileHandle): void {
  handle.close().catch(() => {});
}

function inTime(forced: Promise<void>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    reject(recordsAway(new Error(`The disk did not answer within ${DEADLINE_MS} ms.`)));
  }, DEADLINE_MS);
  forced.then(resolve, reject).finally(() => clearTimeout(timer));
  return promise;
}
