import type {
  Accounts,
  Clock,
  Concatenation,
  DueSessions,
  KnownAccounts,
  PartList,
  Probe,
  SessionDirectory,
  SessionStore,
} from '../../core/ports.ts';
import { openDatabase } from './database.ts';
import { createSessionAccounts } from './session-accounts.ts';
import { createSessionAdmission } from './session-admission.ts';
import { createSessionDirectory } from './session-directory.ts';
import { createSessionEndings } from './session-endings.ts';
import { createKnownAccounts } from './session-known-accounts.ts';
import { createSessionMerging } from './session-merging.ts';
import { createSessionProgress } from './session-progress.ts';
import { createSessionSweeping } from './session-sweeping.ts';
import { createSessionTables } from './session-tables.ts';

export interface SqliteSessionStoreOptions {
  /** Path of the database file; made where it does not exist. */
  readonly file: string;
  readonly clock: Clock;
}

export interface SqliteSessionStore
  extends SessionStore,
    Concatenation,
    PartList,
    Accounts,
    KnownAccounts,
    DueSessions,
    SessionDirectory,
    Probe {
  /** Idempotent. Calls made afterwards fail with `LEDGER_UNAVAILABLE`. */
  close(): void;
}

const MIGRATIONS = new URL('./migrations/sessions/', import.meta.url);

/**
 * The session store in one SQLite file: each operation reads a row or a few, decides, and writes, in one
 * transaction, so processes that share the file take turns.
 *
 * Commits are not synced: after a power cut the last moments may be missing, never half there. What that can
 * cost is a session or an acknowledged offset of those moments; what was settled stands in the ledger.
 */
export function createSqliteSessionStore({ file, clock }: SqliteSessionStoreOptions): SqliteSessionStore {
  const db = openDatabase({ file, durable: false, migrations: MIGRATIONS });
  const tables = createSessionTables(db, clock);
  const probe = db.prepare('SELECT 1 FROM sessions LIMIT 1');

  return {
    name: 'session_store',
    backend: 'sqlite',
    ...createSessionAdmission(tables),
    ...createSessionProgress(tables),
    ...createSessionEndings(tables),
    ...createSessionMerging(tables),
    ...createSessionAccounts(tables),
    ...createKnownAccounts(tables),
    ...createSessionDirectory(tables),
    ...createSessionSweeping(tables),
    check: () =>
      db.read(() => {
        probe.get();
      }),
    close: () => db.close(),
  };
}
