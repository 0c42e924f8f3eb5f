import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { createSqliteLedger, type SqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { newSession, newUser, settlementOf } from './ledger/harness.ts';
import type { LedgerAnswer, LedgerOrder } from './sqlite/ledger-process.ts';
import { type PeerProcess, startProcess, startProcesses } from './sqlite/processes.ts';

/** What the ledger promises because it is a file: shared by processes, locked, damaged, full. */
const MIGRATIONS = readdirSync(new URL('../../src/stores/sqlite/migrations/ledger/', import.meta.url)).length;
const LIMIT = 1_000_000;
const PERIOD = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00Z');

interface Place {
  readonly file: string;
  open(options?: { now?: () => number; defaultLimitBytes?: number }): SqliteLedger;
}

function promise(what: string, body: (place: Place) => Promise<void>): void {
  test(`sqlite ledger file: ${what}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-ledger-'));
    const file = join(folder, 'data', 'ledger.db');
    const opened: SqliteLedger[] = [];
    try {
      await body({
        file,
        open: ({ now = () => START, defaultLimitBytes = LIMIT } = {}) => {
          const ledger = createSqliteLedger({ file, clock: { now }, defaultLimitBytes, periodMs: PERIOD });
          opened.push(ledger);
          return ledger;
        },
      });
    } finally {
      for (const ledger of opened) ledger.close();
      await rm(folder, { recursive: true });
    }
  });
}

const unavailable = (error: unknown): boolean =>
  error instanceof SluiceError && error.code === 'LEDGER_UNAVAILABLE' && error.cause instanceof Error;

promise('two processes that settle the same 200 sessions at once count each once', async ({ file, open }) => {
  const userId = newUser();
  const sessions = Array.from({ length: 200 }, newSession);
  const processes = await startOn(file, 2);
  try {
    for (const one of processes) one.order({ kind: 'settle', userId, sessions, bytes: 3 });
    for (const answers of await Promise.all(processes.map((one) => one.until('done')))) {
      assert.equal(answers.filter((answer) => answer.kind === 'settled').length, sessions.length);
    }
  } finally {
    await Promise.all(processes.map((one) => one.kill()));
  }
  const { account } = await open({ now: Date.now }).account(userId, []);
  assert.equal(account.usedBytes, sessions.length * 3);
  assert.equal(account.version, 1 + sessions.length);
  assert.equal(count(file, 'outbox'), sessions.length);
});

promise(
  'ten processes that open a file at once, new or of an older schema, migrate it once',
  async ({ file }) => {
    const processes = await startOn(file, 10);
    try {
      for (let round = 0; round < 20; round += 1) {
        const fresh = `${file}-${round}`;
        if (round % 2 === 0) makeEmptySchema(fresh);
        await openAll(processes, fresh);
        assert.equal(count(fresh, 'schema_migrations'), MIGRATIONS);
      }
    } finally {
      await Promise.all(processes.map((one) => one.kill()));
    }
  },
);

promise(
  'a process killed while it settles loses nothing it answered, and halves nothing',
  async ({ file, open }) => {
    const userId = newUser();
    const answered: string[] = [];
    for (const atLeast of [1, 7, 23]) {
      const sessions = Array.from({ length: 200 }, newSession);
      const [one] = await startOn(file, 1);
      assert.ok(one);
      one.order({ kind: 'settle', userId, sessions, bytes: 3 });
      const answers = await one.until('settled', atLeast);
      await one.kill();
      for (const answer of answers) if (answer.kind === 'settled') answered.push(answer.sessionId);
    }
    const ledger = open({ now: Date.now });
    for (const id of answered) assert.ok(await ledger.findUpload(id));
    const { account } = await ledger.account(userId, []);
    assert.equal(account.usedBytes, count(file, 'uploads') * 3);
    assert.equal(count(file, 'outbox'), count(file, 'uploads'));
  },
);

promise('a file that a newer version migrated is refused, and stays as it is', async ({ file, open }) => {
  open().close();
  const db = new DatabaseSync(file);
  db.exec("INSERT INTO schema_migrations VALUES ('ledger/9999-later.sql', '2030-01-01T00:00:00Z')");
  db.close();
  assert.throws(() => open(), unavailable);
  assert.equal(count(file, 'schema_migrations'), MIGRATIONS + 1);
});

promise('the database is readable by its owner alone, the write-ahead log too', async ({ file, open }) => {
  await open().account(newUser(), []);
  for (const name of [file, `${file}-wal`]) assert.equal((await stat(name)).mode & 0o777, 0o600);
});

promise('another default limit reaches every user without a limit of his own', async ({ open }) => {
  const [follower, settled] = [newUser(), newUser()];
  const before = open();
  await before.account(follower, []);
  await before.setLimit(settled, 5);
  before.close();
  const after = open({ defaultLimitBytes: 2 * LIMIT });
  assert.equal((await after.account(follower, [])).account.limitBytes, 2 * LIMIT);
  assert.equal((await after.account(settled, [])).account.limitBytes, 5);
});

promise('a period ends at its end to the millisecond, and never opens again', async ({ open }) => {
  let now = START;
  const ledger = open({ now: () => now });
  const userId = newUser();
  await ledger.settle(settlementOf(newSession(), userId, 9));
  now = START + PERIOD - 1;
  assert.equal((await ledger.account(userId, [])).account.usedBytes, 9);
  now = START + PERIOD;
  const { account } = await ledger.account(userId, []);
  assert.equal(account.usedBytes, 0);
  assert.equal(account.periodStart, START + PERIOD);
  now = START + PERIOD - 1;
  assert.deepEqual((await ledger.account(userId, [])).account, account, 'the clock stepped back');
});

promise('the completed upload can be read as it was settled', async ({ open }) => {
  const ledger = open();
  const [userId, id, voided] = [newUser(), newSession(), newSession()];
  const settlement = { ...settlementOf(id, userId, 9), format: null, filename: null };
  await ledger.settle(settlement);
  await ledger.voidSession(voided, userId);
  assert.deepEqual(await ledger.findUpload(id), { ...settlement, completedAt: START, periodStart: START });
  assert.equal(await ledger.findUpload(voided), null);
  assert.equal(await ledger.findUpload(newSession()), null);
});

promise(
  'a lock held too long is answered within two seconds, and nothing else waits for it',
  async ({ file, open }) => {
    const ledger = open();
    const other = new DatabaseSync(file);
    const userId = newUser();
    other.exec('BEGIN IMMEDIATE');
    const elapsedMs = startStopwatch();
    let longestPause = 0;
    let pauseMs = startStopwatch();
    const pulse = setInterval(() => {
      longestPause = Math.max(longestPause, pauseMs());
      pauseMs = startStopwatch();
    }, 5);
    await assert.rejects(ledger.settle(settlementOf(newSession(), userId, 1)), unavailable);
    clearInterval(pulse);
    assert.ok(elapsedMs() < 2_000);
    assert.ok(longestPause < 1_000, `the event loop stood still for ${longestPause} ms`);
    other.exec('ROLLBACK');
    other.close();
    assert.equal((await ledger.account(userId, [])).account.usedBytes, 0);
  },
);

promise('a lock held for a moment is waited for', async ({ file, open }) => {
  const ledger = open();
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const settling = ledger.settle(settlementOf(newSession(), newUser(), 1));
  setTimeout(() => other.exec('COMMIT'), 50);
  assert.equal((await settling).kind, 'settled');
  other.close();
});

promise(
  'where the file cannot grow, a settlement is refused as a whole, and smaller ones go on',
  async ({ file, open }) => {
    const userId = newUser();
    const [one] = await startOn(file, 1, { maxFileKib: 400 });
    assert.ok(one);
    try {
      const settle = { kind: 'settle', userId, bytes: 3 } as const;
      one.order({ ...settle, sessions: [newSession()], contextLength: 4_000_000 });
      await assert.rejects(one.until('done'), /LEDGER_UNAVAILABLE/);
      one.order({ ...settle, sessions: [newSession()] });
      await one.until('done');
    } finally {
      await one.kill();
    }
    assert.equal((await open({ now: Date.now }).account(userId, [])).account.usedBytes, 3);
    assert.equal(count(file, 'uploads'), 1);
    assert.equal(count(file, 'outbox'), 1);
  },
);

promise('a file that is no database is not touched, and said to be unavailable', async ({ file, open }) => {
  const text = 'Somebody has put a text here. '.repeat(200);
  await mkdir(dirname(file));
  await writeFile(file, text);
  assert.throws(() => open(), unavailable);
  assert.equal(await readFile(file, 'utf8'), text);
});

promise('after closing, every call says that the ledger is away', async ({ open }) => {
  const ledger = open();
  ledger.close();
  ledger.close();
  await assert.rejects(ledger.account(newUser(), []), unavailable);
  await assert.rejects(ledger.check(), unavailable);
});

async function startOn(file: string, howMany: number, limits: { maxFileKib?: number } = {}) {
  const script = new URL('./sqlite/ledger-process.ts', import.meta.url);
  const processes = await startProcesses(howMany, () =>
    startProcess<LedgerOrder, LedgerAnswer>(script, limits),
  );
  await openAll(processes, file);
  return processes;
}

async function openAll(
  processes: readonly PeerProcess<LedgerOrder, LedgerAnswer>[],
  file: string,
): Promise<void> {
  for (const one of processes) one.order({ kind: 'open', file });
  await Promise.all(processes.map((one) => one.until('opened')));
}

/** A file before its first migration, as an older program would leave it before the next one. */
function makeEmptySchema(file: string): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('CREATE TABLE schema_migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL) STRICT');
  db.close();
}

function count(file: string, table: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const row = db.prepare(`SELECT count(*) AS rows FROM ${table}`).get();
  db.close();
  return Number(row?.rows);
}
