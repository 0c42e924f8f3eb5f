import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { connectRedis } from '../../src/stores/redis/connect.ts';
import { createRedisSessionStore } from '../../src/stores/redis/sessions.ts';
import { connectedRedis, eventually, type OwnRedis, startRedis } from '../helpers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { shardOf } from './session-store/harness.ts';
import { type RedisHarness, redisHarness } from './session-store/redis-harness.ts';
import { admissionOf, DRAFT, openWorkshop, type Workshop } from './session-store/workshop.ts';

/** Invariant E: with the store down or hung the answer is out within two seconds. */
const DEADLINE_MS = 2000;

let server: OwnRedis;
let harness: RedisHarness;
let w: Workshop;

before(async () => {
  server = await startRedis();
  harness = await redisHarness(server.port);
  w = openWorkshop(harness);
});

after(async () => {
  await harness?.close();
  await server?.stop();
});

/** Every operation of every port, as calls on sessions and users that exist. */
async function everyOperation(): Promise<Record<string, () => Promise<unknown>>> {
  const userId = await w.user();
  const { sessionId } = await w.open(userId, 1000);
  const { account } = w.ledger.account(userId, [], await w.now());
  const completion = { bytes: 1, periodStart: 1, accountVersion: 1, completedAt: 1, detectedFormat: null };
  const store = harness.bare;
  return {
    admit: () => store.admit(admissionOf(userId, 10)),
    'admit with an idempotency key': () =>
      store.admit(admissionOf(userId, 10, { idempotency: { key: 'k', fingerprint: 'f' } })),
    find: () => store.find(sessionId),
    take: () => store.take(sessionId, 'a'),
    commit: () => store.commit(sessionId, 1, { offset: 10 }),
    finish: () => store.finish(sessionId, { ...completion, contentSha256: 'a' }),
    end: () => store.end(sessionId, { status: 'cancelled', failure: null }),
    read: () => store.read(userId),
    load: () => store.load(account, [], []),
    liveSessions: () => store.liveSessions(userId),
    due: () => store.due(10),
    forget: () => store.forget(sessionId),
    check: () => store.check(),
  };
}

async function refusesInTime(name: string, call: () => Promise<unknown>): Promise<void> {
  const elapsedMs = startStopwatch();
  await assert.rejects(call, (fault) => {
    assert.ok(fault instanceof SluiceError, `${name} threw ${fault}`);
    assert.equal(fault.code, 'REDIS_CONNECTION_ERROR');
    assert.ok((fault.retryAfterSeconds ?? 0) >= 1 && (fault.retryAfterSeconds ?? 0) <= 5);
    assert.doesNotMatch(fault.message, /127\.0\.0\.1|\d{4,}|ECONN|script|stream/i);
    return true;
  });
  const took = elapsedMs();
  assert.ok(took < DEADLINE_MS, `${name} took ${took} ms`);
}

/** What makes a Redis that answers refuse every write, and how it ends. */
const WITHOUT_WRITES = {
  full: { begin: ['CONFIG', 'SET', 'maxmemory', '1'], end: ['CONFIG', 'SET', 'maxmemory', '0'] },
  'a replica': { begin: ['REPLICAOF', '127.0.0.1', '1'], end: ['REPLICAOF', 'NO', 'ONE'] },
  'without the replicas it wants': {
    begin: ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
    end: ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
  },
} as const;

for (const [what, { begin, end }] of Object.entries(WITHOUT_WRITES)) {
  test(`redis ${what}: the check says so, and is content again when it is over`, async () => {
    const { sessionId } = await w.open(await w.user(), 1000);
    const { bare: store } = harness;
    const operator = await connectedRedis(server.port);
    const tell = ([command, ...rest]: readonly string[]) => operator.call(command ?? '', ...rest);
    await store.check();
    await tell(begin);
    try {
      await refusesInTime('check', () => store.check());
      // A client that met a replica connects anew.
      const found = await eventually(60_000, () => store.find(sessionId));
      assert.equal(found?.sessionId, sessionId, 'what only reads goes on');
    } finally {
      await tell(end);
      operator.disconnect();
    }
    await eventually(60_000, () => store.check());
  });
}

test('redis killed: every operation is refused in time, and all is well once it is back', async () => {
  const operations = await everyOperation();
  await server.kill();
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Object.entries(operations).map(([name, call]) => refusesInTime(name, call)));
  }
  await server.start();
  await eventually(60_000, () => harness.bare.check());
  assert.equal((await w.open(await w.user(), 10)).status, 'active');
});

test('redis killed under load: every call is answered in time, none is left hanging', async () => {
  const userId = await w.user(10_000);
  const answers: Promise<unknown>[] = [];
  let slowest = 0;
  const ask = async () => {
    const elapsedMs = startStopwatch();
    try {
      return (await harness.bare.admit(admissionOf(userId, 1))).kind;
    } catch (fault) {
      assert.ok(fault instanceof SluiceError && fault.code === 'REDIS_CONNECTION_ERROR', String(fault));
      return 'refused';
    } finally {
      slowest = Math.max(slowest, elapsedMs());
    }
  };
  for (let i = 0; i < 300; i += 1) answers.push(ask());
  const killed = server.kill();
  for (let i = 0; i < 300; i += 1) answers.push(ask());
  await killed;
  for (let i = 0; i < 300; i += 1) answers.push(ask());
  const kinds = await Promise.all(answers);
  assert.ok(kinds.includes('refused'));
  assert.ok(slowest < DEADLINE_MS, `the slowest answer took ${slowest} ms`);
  await server.start();
  await eventually(60_000, () => harness.bare.check());
});

test('redis hung: every operation is refused in time, and all is well once it goes on', async () => {
  const operations = await everyOperation();
  server.freeze();
  try {
    await Promise.all(Object.entries(operations).map(([name, call]) => refusesInTime(name, call)));
    for (const [name, call] of Object.entries(operations).slice(0, 4)) await refusesInTime(name, call);
  } finally {
    server.thaw();
  }
  await eventually(60_000, () => harness.bare.check());
  assert.equal((await w.open(await w.user(), 10)).status, 'active');
});

test('redis hung for longer than a socket may be silent: it is found again without a restart', async () => {
  const redis = connectRedis({
    host: '127.0.0.1',
    port: server.port,
    socketTimeoutMs: 600,
    connectTimeoutMs: 600,
  });
  const store = createRedisSessionStore({ redis, prefix: harness.prefix, shardOf });
  const lost = new Promise((resolve) => redis.once('close', resolve));
  try {
    await eventually(60_000, () => store.check());
    server.freeze();
    await refusesInTime('check', () => store.check());
    await lost;
    // By now it is connecting to a server whose kernel accepts and which never answers.
    for (let i = 0; i < 5; i += 1) await refusesInTime('check', () => store.check());
    server.thaw();
    await eventually(60_000, () => store.check());
  } finally {
    server.thaw();
    redis.disconnect();
  }
});

test('a redis that is not there at the start is refused in time, and used once it is', async () => {
  await server.kill();
  const faults: Error[] = [];
  const onError = (fault: Error) => void faults.push(fault);
  const redis = connectRedis({ host: '127.0.0.1', port: server.port, onError });
  const store = createRedisSessionStore({ redis, prefix: harness.prefix, shardOf });
  try {
    await refusesInTime('check', () => store.check());
    await refusesInTime('due', () => store.due(10));
    await server.start();
    await eventually(60_000, () => store.check());
    assert.ok(faults.length > 0, 'the fault was told to whoever writes the log');
  } finally {
    redis.disconnect();
  }
});

test('a restarted redis knows no script: the first call of each still works', async () => {
  await eventually(60_000, () => harness.bare.check());
  const userId = await w.user();
  const sealed = await w.sealed(userId, 10);
  await harness.redis.script('FLUSH');
  await w.complete(sealed);
  await harness.redis.script('FLUSH');
  const session = await w.open(userId, 10);
  await harness.redis.script('FLUSH');
  assert.equal((await harness.bare.take(session.sessionId, 'a')).kind, 'taken');
  await harness.redis.script('FLUSH');
  assert.equal((await harness.bare.commit(session.sessionId, 1, { offset: 5 })).kind, 'committed');
  await harness.redis.script('FLUSH');
  assert.equal(
    (await harness.bare.end(session.sessionId, { status: 'cancelled', failure: null })).kind,
    'ended',
  );
  await harness.redis.script('FLUSH');
  assert.equal((await harness.bare.due(10)).length, 1);
  await harness.redis.script('FLUSH');
  await harness.bare.forget(session.sessionId);
  assert.equal((await harness.bare.find(session.sessionId))?.dashboardContext, DRAFT.dashboardContext);
});

test('a redis that may not write says so as unavailable, not as a fault of ours', async () => {
  const userId = await w.user();
  await harness.redis.config('SET', 'maxmemory', '1');
  try {
    await refusesInTime('admit', () => harness.bare.admit(admissionOf(userId, 1)));
  } finally {
    await harness.redis.config('SET', 'maxmemory', '0');
  }
  assert.equal((await w.open(userId, 1)).status, 'active');
});
