import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { isBusy, translateFault } from './faults.ts';
import {
  createGroupCommit,
  LOCK_DEADLINE_MS,
  RETRY_PAUSE_MS,
  type Work,
  type WorkResult,
} from './group-commit.ts';
import { createLogSync } from './log-sync.ts';
import { migrate } from './migrate.ts';

/** How long SQLite itself may wait for another process's lock, in ms: this wait blocks the event loop. */
const BLOCKING_WAIT_MS = 5;
/** Memory for pages, at most: ids are random, so each new one is written to a page of its own. */
const CACHE_KIB = 16 << 10;
/**
 * Pages in the log before they are brought into the file: the oftener one page is written meanwhile, the more that saves.
 * What a commit has forced to the disk stands in the log.
 */
const LOGGED_PAGES = 4000;
/** Opening may wait for another process that migrates. */
const OPEN_DEADLINE_MS = 15_000;

export interface OpenOptions {
  /** Made, readable by its owner alone, where it does not exist; its folder too. */
  readonly file: string;
  /** What `write` is: a commit outlives a power cut, or a crash of the process alone. Neither can corrupt. */
  readonly durable: boolean;
  readonly migrations: URL;
}

/**
 * One connection. `node:sqlite` is synchronous, so a transaction is a plain function that runs in one go:
 * nothing of this process can come between its statements, and the write lock keeps other processes out. Writes of
 * one turn of the event loop are committed together, each all or nothing.
 * Rejections are `SluiceError` `LEDGER_UNAVAILABLE` where the file is away, locked too long, or full.
 */
export interface Database {
  /** How often the file had been opened when this connection was made, it included. `user_version` tells how often it is now. */
  readonly opening: number;
  prepare(sql: string): StatementSync;
  /** Run `work` holding the write lock; all of it is committed, or, where it throws, none. */
  write<T>(work: () => T): Promise<T>;
  /** As `write`, and a power cut cannot undo it, nor anything committed before. */
  writeDurably<T>(work: () => T): Promise<T>;
  /** As `write`, but a power cut may undo it, until something else is written durably: it does not wait for the disk. */
  writeLoosely<T>(work: () => T): Promise<T>;
  /** Run `work` on one unchanging snapshot. */
  read<T>(work: () => T): Promise<T>;
  /** Idempotent. */
  close(): void;
}

export function openDatabase({ file, durable, migrations }: OpenOptions): Database {
  const { db, opening } = withTranslatedFaults(() => open(file, migrations));
  const beginRead = db.prepare('BEGIN');
  const beginWrite = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const beginWork = db.prepare('SAVEPOINT work');
  const endWork = db.prepare('RELEASE work');
  const undoWork = db.prepare('ROLLBACK TO work');

  function transact<T>(begin: StatementSync, work: () => T): T {
    try {
      begin.run();
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      rollBack(db);
      throw error;
    }
  }

  /** One of several works: where it throws, it alone is undone. */
  function runAmongOthers({ run }: Work): WorkResult {
    beginWork.run();
    try {
      const value = run();
      endWork.run();
      return { value };
    } catch (fault) {
      // A full disk or an I/O fault has undone everything.
      if (!db.isTransaction) throw fault;
      undoWork.run();
      endWork.run();
      return { fault };
    }
  }

  function writeAll(works: readonly Work[]): WorkResult[] {
    const [first] = works;
    return transact(beginWrite, () =>
      works.length === 1 && first ? [{ value: first.run() }] : works.map(runAmongOthers),
    );
  }

  const log = createLogSync(file, () => checkpoint(db));
  const write = createGroupCommit(writeAll, log.force);

  async function read<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + LOCK_DEADLINE_MS;
    for (;;) {
      try {
        return transact(beginRead, work);
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw translateFault(error);
      }
      await delay(RETRY_PAUSE_MS * (0.5 + Math.random()));
    }
  }

  return {
    opening,
    prepare: (sql) => db.prepare(sql),
    read,
    write: (work) => write(work, durable),
    writeDurably: (work) => write(work, true),
    writeLoosely: (work) => write(work, false),
    close: () => {
      log.close();
      if (db.isOpen) db.close();
    },
  };
}

function open(file: string, migrations: URL): { readonly db: DatabaseSync; readonly opening: number } {
  mkdirSync(dirname(file), { recursive: true });
  // SQLite gives its WAL and shared memory files the mode of this one.
  closeSync(openSync(file, 'a', 0o600));
  const db = new DatabaseSync(file, { timeout: OPEN_DEADLINE_MS });
  try {
    switchToWal(db);
    // Whoever needs the disk waits for it outside of SQLite: see log-sync.ts.
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${LOGGED_PAGES}`);
    const opening = migrate(db, migrations);
    db.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
    return { db, opening };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite does not wait for the lock here: of several processes that open a new file, one gets BUSY at once. */
function switchToWal(db: DatabaseSync): void {
  const deadline = performance.now() + OPEN_DEADLINE_MS;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    Atomics.wait(pause, 0, 0, RETRY_PAUSE_MS);
  }
}

function checkpoint(db: DatabaseSync): void {
  const { busy } = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {};
  if (busy !== 0) throw new Error('The log could not be brought into the database: it is in use.');
}

function rollBack(db: DatabaseSync): void {
  if (!db.isOpen || !db.isTransaction) return; // a full disk or an I/O fault has ended it already
  try {
    db.exec('ROLLBACK');
  } catch {
    // The fault that brought us here is the one worth telling.
  }
}

function withTranslatedFaults<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translateFault(error);
  }
}
