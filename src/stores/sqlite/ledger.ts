import type { Outbox, OutboxBacklog } from '../../core/outbox.ts';
import type { AccountDirectory, Clock, Ledger, Probe } from '../../core/ports.ts';
import { openDatabase } from './database.ts';
import { createLedgerAccounts } from './ledger-accounts.ts';
import { createAccountDirectory } from './ledger-directory.ts';
import { createLedgerOutbox } from './ledger-outbox.ts';
import { createLedgerUploads, type UploadRecord } from './ledger-uploads.ts';
import { createSqliteOutbox } from './outbox.ts';

export interface SqliteLedgerOptions {
  /** Path of the database file; made where it does not exist. */
  readonly file: string;
  readonly clock: Clock;
  /** Bytes; the limit of users for whom no administrator has set one. */
  readonly defaultLimitBytes: number;
  readonly periodMs: number;
}

export interface SqliteLedger extends Ledger, AccountDirectory, Probe {
  readonly outbox: Outbox & OutboxBacklog;
  /** The completed upload of this session; null where it did not complete. */
  findUpload(sessionId: string): Promise<UploadRecord | null>;
  /** Idempotent. Calls made afterwards fail with `LEDGER_UNAVAILABLE`. */
  close(): void;
}

const MIGRATIONS = new URL('./migrations/ledger/', import.meta.url);

/**
 * The ledger in one SQLite file. Every operation is one transaction under the write lock, so processes that
 * share the file take turns. Commits are synchronous: what `settle` has answered outlives a power cut.
 */
export function createSqliteLedger(options: SqliteLedgerOptions): SqliteLedger {
  const { file, clock, defaultLimitBytes, periodMs } = options;
  const db = openDatabase({ file, durable: true, migrations: MIGRATIONS });
  const accounts = createLedgerAccounts({ db, defaultLimitBytes, periodMs });
  const uploads = createLedgerUploads(db);
  const events = createLedgerOutbox(db);
  const probe = db.prepare('SELECT 1 FROM accounts LIMIT 1');

  return {
    name: 'ledger',
    backend: 'sqlite',
    outbox: createSqliteOutbox(db, clock),
    ...createAccountDirectory({ db, clock, defaultLimitBytes, periodMs }),

    account: (userId, sealed) =>
      db.write(() => {
        const account = accounts.current(userId, clock.now());
        return { account, settled: uploads.settledAmong(sealed, userId, account.periodStart) };
      }),

    settle: (settlement) =>
      db.write(() => {
        const { sessionId, userId, bytes } = settlement;
        const decided = uploads.verdict(sessionId);
        if (decided) return decided;

        const now = clock.now();
        const counted = accounts.count(accounts.current(userId, now), bytes);
        const completion = uploads.settle(settlement, counted, now);
        events.uploadCompleted(settlement, now);
        events.thresholdsReached(counted, now);
        return { kind: 'settled', completion };
      }),

    voidSession: (sessionId, userId) =>
      db.write(() => {
        const decided = uploads.verdict(sessionId);
        if (decided) return decided;
        uploads.void(sessionId, userId, clock.now());
        return { kind: 'voided' };
      }),

    decision: (sessionId) => db.read(() => uploads.verdict(sessionId)),

    setLimit: (userId, limitBytes) =>
      db.write(() => accounts.setLimit(accounts.current(userId, clock.now()), limitBytes)),

    resetPeriod: (userId) =>
      db.write(() => {
        const now = clock.now();
        return accounts.reset(accounts.current(userId, now), now);
      }),

    record: (...told) =>
      db.write(() => {
        const now = clock.now();
        for (const event of told) events.record(event, now);
      }),

    findUpload: (sessionId) => db.read(() => uploads.find(sessionId)),

    check: () =>
      db.read(() => {
        probe.get();
      }),

    close: () => db.close(),
  };
}
