import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import postgres from 'postgres';
import { type RunningPostgres, startPostgres } from '../../scripts/lib/servers/postgres.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { createPostgresLedger, type PostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { startDeadLineProxy } from '../helpers/dead-line-proxy.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../helpers/postgres.ts';
import { eventually } from '../helpers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { newSession, newUser, settlementOf } from './ledger/harness.ts';

/** Invariant E: with PostgreSQL gone, hung or locked the answer comes within two seconds, and later it is well. */

const PERIOD = 30 * 86_400_000;
const LIMIT = 10 * 1024 ** 3;
const DEADLINE_MS = 2_000;

let server: RunningPostgres;
before(async () => {
  server = await startPostgres();
});
after(() => server.stop());

function promise(
  what: string,
  body: (ledger: PostgresLedger, database: TestDatabase) => Promise<void>,
): void {
  test(`postgresql ledger: ${what}`, async () => {
    const database = await createTestDatabase(server.url);
    const ledger = open(database.url);
    try {
      await body(ledger, database);
    } finally {
      await ledger.close();
      await database.drop();
    }
  });
}

function open(databaseUrl: string, deadlineMs?: number): PostgresLedger {
  const bounds = { defaultLimitBytes: LIMIT, periodMs: PERIOD };
  return createPostgresLedger({ databaseUrl, ...bounds, ...(deadlineMs !== undefined && { deadlineMs }) });
}

/** All of `calls` are refused as they should be, each within the deadline. */
async function assertUnavailable(calls: readonly (() => Promise<unknown>)[]): Promise<void> {
  await Promise.all(
    calls.map(async (call) => {
      const elapsedMs = startStopwatch();
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof SluiceError, String(error));
        assert.equal(error.code, 'LEDGER_UNAVAILABLE');
        assert.ok((error.retryAfterSeconds ?? 0) >= 1);
        assert.ok(error.cause instanceof Error);
        return true;
      });
      const ms = elapsedMs();
      assert.ok(ms < DEADLINE_MS, `the answer took ${Math.round(ms)} ms`);
    }),
  );
}

/** What must be possible, however long the machine stands still meanwhile. */
function inTheEnd<T>(call: () => Promise<T>): Promise<T> {
  return eventually(60_000, call);
}

function everyOperation(ledger: PostgresLedger, userId = newUser()): (() => Promise<unknown>)[] {
  return [
    () => ledger.account(userId, []),
    () => ledger.settle(settlementOf(newSession(), userId, 1)),
    () => ledger.voidSession(newSession(), userId),
    () => ledger.setLimit(userId, 1),
    () => ledger.resetPeriod(userId),
    () => ledger.check(),
  ];
}

promise('a server that is gone is told at once, and found again without a restart', async (ledger) => {
  const userId = newUser();
  const settlement = settlementOf(newSession(), userId, 5);
  await inTheEnd(() => ledger.settle(settlement));
  await server.kill();
  try {
    await assertUnavailable([...everyOperation(ledger), ...everyOperation(ledger)]);
  } finally {
    await server.restart();
  }
  assert.equal((await inTheEnd(() => ledger.account(userId, []))).account.usedBytes, 5);
});

test('postgresql ledger: instance and server may start in any order', async () => {
  const database = await createEmptyDatabase(server.url);
  const ledger = open(database.url);
  try {
    await server.kill();
    try {
      await assertUnavailable(everyOperation(ledger));
    } finally {
      await server.restart();
    }
    await inTheEnd(() => ledger.check());
    await inTheEnd(() => ledger.account(newUser(), []));
  } finally {
    await ledger.close();
    await database.drop();
  }
});

promise(
  'a server that only reads is found out by the check, until it writes again',
  async (ledger, database) => {
    const userId = newUser();
    await ledger.settle(settlementOf(newSession(), userId, 5));
    await ledger.check();
    const name = new URL(database.url).pathname.slice(1);
    // For connections that begin later: those that are there are cut.
    await database.query(`alter database ${name} set default_transaction_read_only = on`);
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`);
    await inTheEnd(() => assertUnavailable([() => ledger.check()]));
    assert.equal((await ledger.account(userId, [])).account.usedBytes, 5);
    await database.query(`alter database ${name} set default_transaction_read_only = off`);
    await inTheEnd(() => ledger.check());
  },
);

promise('a server that hangs holds nobody up, not even a crowd, and is found well again', async (ledger) => {
  const userId = newUser();
  const settlements = Array.from({ length: 20 }, () => settlementOf(newSession(), userId, 1));
  await Promise.all(settlements.map((one) => inTheEnd(() => ledger.settle(one))));
  await server.freeze();
  try {
    const crowd = Array.from({ length: 10 }, () => everyOperation(ledger)).flat();
    await assertUnavailable(crowd);
    await assertUnavailable(everyOperation(ledger));
  } finally {
    await server.thaw();
  }
  await inTheEnd(() => ledger.account(userId, []));
});

promise('what was in flight when the server hung is counted once', async (ledger) => {
  const userId = newUser();
  const id = newSession();
  await inTheEnd(() => ledger.account(userId, []));
  await server.freeze();
  try {
    await assertUnavailable([() => ledger.settle(settlementOf(id, userId, 7))]);
  } finally {
    await server.thaw();
  }
  const answers = [
    await inTheEnd(() => ledger.settle(settlementOf(id, userId, 7))),
    await inTheEnd(() => ledger.settle(settlementOf(id, userId, 7))),
  ];
  assert.deepEqual(answers[0], answers[1]);
  assert.equal((await inTheEnd(() => ledger.account(userId, []))).account.usedBytes, 7);
});

promise('a lock that somebody holds is told in time; others and readers go on', async (ledger, database) => {
  const userId = newUser();
  const [first, others] = [settlementOf(newSession(), userId, 5), settlementOf(newSession(), newUser(), 5)];
  await inTheEnd(() => ledger.settle(first));
  const holder = postgres(database.url, { max: 1 });
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const holding = holder.begin(async (tx) => {
    await tx`select * from accounts where user_id = ${userId} for update`;
    held.resolve();
    await release.promise;
  });
  await held.promise;
  try {
    // As many as there are connections: those who wait for one must not wait for the lock too.
    const stuck = Array.from({ length: 9 }, () => ledger.settle(settlementOf(newSession(), userId, 1)));
    const waiting = assertUnavailable(stuck.map((one) => () => one));
    assert.equal((await inTheEnd(() => ledger.account(userId, []))).account.usedBytes, 5);
    await inTheEnd(() => ledger.settle(others));
    await waiting;
  } finally {
    release.resolve();
    await holding;
    await holder.end();
  }
  const id = newSession();
  await inTheEnd(() => ledger.settle(settlementOf(id, userId, 1)));
  assert.equal((await inTheEnd(() => ledger.account(userId, []))).account.usedBytes, 6);
});

promise('connections that went dead without a word are given up, and made anew', async (_, database) => {
  const address = new URL(database.url);
  const proxy = await startDeadLineProxy(Number(address.port));
  address.port = String(proxy.port);
  const ledger = open(address.href);
  try {
    const userId = newUser();
    await Promise.all(Array.from({ length: 20 }, () => inTheEnd(() => ledger.account(userId, []))));
    proxy.cutSilently();
    await assertUnavailable(Array.from({ length: 10 }, () => () => ledger.account(userId, [])));
    await Promise.all(Array.from({ length: 20 }, () => inTheEnd(() => ledger.account(userId, []))));
  } finally {
    await ledger.close();
    await proxy.close();
  }
});

promise('connections that the server cuts are made anew', async (_, database) => {
  // That nobody notices is what is promised here, not how soon.
  const ledger = open(database.url, 60_000);
  try {
    const userId = newUser();
    await Promise.all(Array.from({ length: 20 }, () => ledger.account(userId, [])));
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    );
    await Promise.all(Array.from({ length: 20 }, () => ledger.account(userId, [])));
  } finally {
    await ledger.close();
  }
});

promise('nothing answered is lost when the server is killed under load', async (ledger, database) => {
  const users = Array.from({ length: 4 }, newUser);
  const answered = new Map<string, string>();
  const asked = new Map<string, string>();
  let stop = false;

  async function upload(userId: string): Promise<void> {
    while (!stop) {
      const id = newSession();
      asked.set(id, userId);
      try {
        const result = await ledger.settle(settlementOf(id, userId, 3));
        assert.equal(result.kind, 'settled');
        answered.set(id, userId);
      } catch (error) {
        assert.ok(error instanceof SluiceError, String(error));
        // As a client that honours Retry-After, only faster.
        await setTimeout(20);
      }
    }
  }

  const load = users.flatMap((userId) => [upload(userId), upload(userId), upload(userId)]);
  for (let round = 0; round < 5; round += 1) {
    const soFar = answered.size;
    while (answered.size < soFar + 50) await setTimeout(5);
    await server.kill();
    await server.restart();
  }
  const before = answered.size;
  while (answered.size < before + 50) await setTimeout(5);
  stop = true;
  await Promise.all(load);

  for (const userId of users) {
    const mine = [...answered].filter(([, owner]) => owner === userId).map(([id]) => id);
    const { settled } = await inTheEnd(() => ledger.account(userId, mine));
    assert.equal(settled.length, mine.length);
  }
  // What was not answered is asked for again, as a client does who saw no answer.
  for (const [id, userId] of asked) await inTheEnd(() => ledger.settle(settlementOf(id, userId, 3)));
  for (const userId of users) {
    const mine = [...asked].filter(([, owner]) => owner === userId).map(([id]) => id);
    const { account, settled } = await inTheEnd(() => ledger.account(userId, mine));
    assert.equal(settled.length, mine.length);
    assert.equal(account.usedBytes, mine.length * 3);
  }
  const [told] = await database.query('select count(*)::int as events from outbox');
  assert.equal(told?.events, asked.size, 'one event for each settlement, none without');
});
