import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { isBusy, translateFault } from './faults.ts';
import { migrate } from './migrate.ts';

/** How long SQLite itself may wait for another process's lock, in ms: this wait blocks the event loop. */
const BLOCKING_WAIT_MS = 5;
/** Pause between tries while another process holds the lock longer than that; other requests go on. */
const RETRY_PAUSE_MS = 10;
/** A request waits this long for a lock, then answers 503: well below the two seconds of invariant E. */
const LOCK_DEADLINE_MS = 1_500;
/** Opening may wait for another process that migrates. */
const OPEN_DEADLINE_MS = 15_000;

export interface OpenOptions {
  /** Made, readable by its owner alone, where it does not exist; its folder too. */
  readonly file: string;
  /** FULL: a commit survives a power cut. NORMAL: it survives a crash of the process. Neither can corrupt. */
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly migrations: URL;
}

/**
 * One connection. `node:sqlite` is synchronous, so a transaction is a plain function that runs in one go:
 * nothing of this process can come between its statements, and the write lock keeps other processes out.
 * Rejections are `SluiceError` `LEDGER_UNAVAILABLE` where the file is away, locked too long, or full.
 */
export interface Database {
  prepare(sql: string): StatementSync;
  /** Run `work` holding the write lock; all of it is committed, or, where it throws, none. */
  write<T>(work: () => T): Promise<T>;
  /** As `write`, and a power cut cannot undo it, nor anything committed before. */
  writeDurably<T>(work: () => T): Promise<T>;
  /** Run `work` on one unchanging snapshot. */
  read<T>(work: () => T): Promise<T>;
  /** Idempotent. */
  close(): void;
}

type Mode = 'read' | 'write' | 'writeDurably';

export function openDatabase({ file, synchronous, migrations }: OpenOptions): Database {
  const db = withTranslatedFaults(() => open(file, synchronous, migrations));
  const beginRead = db.prepare('BEGIN');
  const beginWrite = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');

  function transact<T>(mode: Mode, work: () => T): T {
    // The setting cannot be changed inside a transaction.
    if (mode === 'writeDurably') db.exec('PRAGMA synchronous = FULL');
    try {
      (mode === 'read' ? beginRead : beginWrite).run();
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      rollBack(db);
      throw error;
    } finally {
      if (mode === 'writeDurably') db.exec(`PRAGMA synchronous = ${synchronous}`);
    }
  }

  async function attempt<T>(mode: Mode, work: () => T): Promise<T> {
    const deadline = performance.now() + LOCK_DEADLINE_MS;
    for (;;) {
      try {
        return transact(mode, work);
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw translateFault(error);
      }
      await delay(RETRY_PAUSE_MS * (0.5 + Math.random()));
    }
  }

  return {
    prepare: (sql) => db.prepare(sql),
    read: (work) => attempt('read', work),
    write: (work) => attempt('write', work),
    writeDurably: (work) => attempt('writeDurably', work),
    close: () => {
      if (db.isOpen) db.close();
    },
  };
}

function open(file: string, synchronous: 'FULL' | 'NORMAL', migrations: URL): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  // SQLite gives its WAL and shared memory files the mode of this one.
  closeSync(openSync(file, 'a', 0o600));
  const db = new DatabaseSync(file, { timeout: OPEN_DEADLINE_MS });
  try {
    switchToWal(db);
    db.exec(`PRAGMA synchronous = ${synchronous}`);
    migrate(db, migrations);
    db.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
    return db;
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
