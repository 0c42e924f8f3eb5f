import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { createPostgresLedger, type PostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { migrate } from '../../src/stores/postgres/migrate.ts';
import { createEmptyDatabase, type TestDatabase } from '../helpers/postgres.ts';
import { newSession, newUser, settlementOf } from './ledger/harness.ts';

const FOLDER = new URL('../../src/stores/postgres/migrations/', import.meta.url);
const PERIOD = 30 * 86_400_000;

function promise(what: string, body: (database: TestDatabase) => Promise<void>): void {
  test(`postgresql schema: ${what}`, async () => {
    const database = await createEmptyDatabase();
    try {
      await body(database);
    } finally {
      await database.drop();
    }
  });
}

function open(databaseUrl: string, maxConnections = 2): PostgresLedger {
  const options = { databaseUrl, defaultLimitBytes: 1_000, periodMs: PERIOD, maxConnections };
  return createPostgresLedger({ ...options, deadlineMs: 60_000 });
}

async function names(database: TestDatabase): Promise<unknown[]> {
  const rows = await database.query('select name from schema_migrations order by name');
  return rows.map((row) => row.name);
}

const files = readdirSync(FOLDER).sort();

promise('ten instances that start at once on an empty database migrate it once', async (database) => {
  const ledgers = Array.from({ length: 10 }, () => open(database.url));
  try {
    const userId = newUser();
    await Promise.all(ledgers.map((ledger) => ledger.settle(settlementOf(newSession(), userId, 10))));
    assert.deepEqual(await names(database), files);
    for (const ledger of ledgers) {
      assert.equal((await ledger.account(userId, [])).account.usedBytes, 100);
    }
  } finally {
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  }
});

promise('a migration that fails leaves the schema as it was', async (database) => {
  // Stands in the way of the last one.
  await database.query('create function tell_completed() returns int language sql as $$ select 1 $$');
  await database.query('create table outbox (something int)');
  await assert.rejects(migrate(database.url), /relation "outbox" already exists/);
  const tables = await database.query(
    "select table_name from information_schema.tables where table_schema = 'public' order by 1",
  );
  assert.deepEqual(
    tables.map((row) => row.table_name),
    ['outbox'],
  );
});

promise('an older program does not touch what a newer one has made', async (database) => {
  await migrate(database.url);
  await database.query("insert into schema_migrations (name) values ('9999-from-the-future.sql')");
  const ledger = open(database.url);
  try {
    await assert.rejects(ledger.check(), (error) => {
      assert.ok(error instanceof SluiceError);
      assert.match(error.message, /newer version/);
      assert.equal(error.retryAfterSeconds, undefined, 'trying again does not help');
      return true;
    });
  } finally {
    await ledger.close();
  }
});

promise('an instance without the right to change the schema runs on one that is ready', async (database) => {
  await migrate(database.url);
  const role = `reader_${newUser().replaceAll('-', '')}`;
  await database.query(`
    create role ${role} login;
    grant select on all tables in schema public to ${role};
    grant insert, update, delete on accounts, uploads, outbox to ${role};
  `);
  const url = new URL(database.url);
  url.username = role;
  const ledger = open(url.href);
  try {
    await ledger.settle(settlementOf(newSession(), newUser(), 10));
  } finally {
    await ledger.close();
    await database.query(`drop owned by ${role}`);
    await database.query(`drop role ${role}`);
  }
});

promise('a crowd shares the connections it was given, and leaves none behind', async (database) => {
  const ledger = open(database.url, 3);
  const userId = newUser();
  await Promise.all(Array.from({ length: 60 }, () => ledger.settle(settlementOf(newSession(), userId, 1))));
  const mine =
    "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'sluice'";
  const [during] = await database.query(mine);
  assert.equal(during?.n, 3);

  const last = ledger.settle(settlementOf(newSession(), userId, 1));
  await ledger.close();
  await last;
  await assert.rejects(ledger.check(), { code: 'LEDGER_UNAVAILABLE' });
  // The server notices a closed connection by itself, a moment later.
  let left = await database.query(mine);
  while (left[0]?.n !== 0) left = await database.query(mine);
});

promise(
  'names and contexts come back as they were, and times are UTC wherever the server is',
  async (database) => {
    const ledger = open(database.url);
    const settlement = {
      ...settlementOf(newSession(), newUser(), 10),
      filename: 'a\0b "c"\r\n\u2028 \ud83c\udfd6.mp4',
      dashboardContext: '{"a":"\\u0000","b":1.0,  "c":"\\ud800"}',
      createdAt: Date.UTC(2026, 0, 31, 23, 59, 59, 7),
    };
    try {
      const result = await ledger.settle(settlement);
      assert.ok(result.kind === 'settled');
      const [row] = await database.query('select filename, dashboard_context from uploads');
      assert.equal(row?.filename, settlement.filename.replace('\0', '\uFFFD'));
      assert.equal(row?.dashboard_context, settlement.dashboardContext);
      const [event] = await database.query('select payload from outbox');
      const payload = JSON.parse(String(event?.payload));
      assert.equal(payload.dashboard_context, settlement.dashboardContext);
      assert.equal(payload.created_at, '2026-01-31T23:59:59.007Z');
      assert.equal(payload.completed_at, new Date(result.completion.completedAt).toISOString());
    } finally {
      await ledger.close();
    }
  },
);

test('postgresql schema: the files are numbered without a gap', () => {
  assert.deepEqual(
    files.map((name) => Number(name.slice(0, 4))),
    files.map((_, index) => index + 1),
  );
  for (const name of files) assert.match(readFileSync(new URL(name, FOLDER), 'utf8'), /^--|create/);
});
