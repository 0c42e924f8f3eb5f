import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysWithPrefix } from '../../src/stores/redis/keys.ts';
import { nameOfSession, nameOfUser } from '../../src/stores/redis/names.ts';
import { createRedisSessionStore } from '../../src/stores/redis/sessions.ts';
import { connectedRedis, sharedRedisPort } from '../helpers/redis.ts';
import { newUser, shardOf } from './session-store/harness.ts';
import { PATIENT_MS, type RedisHarness, redisHarness } from './session-store/redis-harness.ts';
import { admissionOf, openWorkshop, TTL_MS, type Workshop } from './session-store/workshop.ts';

function redisTest(promise: string, check: (w: Workshop, harness: RedisHarness) => Promise<void>): void {
  test(`redis: ${promise}`, async () => {
    const harness = await redisHarness(sharedRedisPort(), PATIENT_MS);
    try {
      await check(openWorkshop(harness), harness);
    } finally {
      await harness.close();
    }
  });
}

redisTest('every key of a user is on one slot, whatever happens to his sessions', async (w, h) => {
  const userId = await w.user();
  await w.open(userId, 10, { idempotency: { key: 'k', fingerprint: 'f' } });
  const cancelled = await w.open(userId, 10);
  await w.store.end(cancelled.sessionId, { status: 'cancelled', failure: null });
  await w.complete(await w.sealed(userId, 10));
  const inParts = await w.open(userId, 10);
  await w.store.take(inParts.sessionId, 'a');
  await w.store.commit(inParts.sessionId, 1, {
    offset: 1,
    parts: [{ index: 0, number: 1, bytes: 1, etag: '"e"' }],
  });
  const names = await h.redis.keys(`${h.prefix}:*`);
  const kinds = names.map((name) => /}:([a-z]+)/.exec(name)?.[1]);
  assert.deepEqual(new Set(kinds), new Set(['s', 'd', 'p', 'u', 'x', 'g', 'users', 'i']));
  // A Redis Cluster takes the slot from what stands in the first braces.
  const tags = new Set(names.map((name) => /^[^{]*\{([^}]*)\}/.exec(name)?.[1]));
  assert.deepEqual(tags, new Set([shardOf(userId)]));
});

test('redis: a prefix that would break the hash tag is refused', async () => {
  const redis = await connectedRedis(sharedRedisPort());
  assert.throws(() => createRedisSessionStore({ redis, prefix: 'a{b}', shardOf }), /braces/);
  redis.disconnect();
});

redisTest('whether somebody listens to a user is said with each session he is admitted', async (w, h) => {
  const [one, other] = [await w.user(), await w.user()];
  const listens = async (userId: string) => {
    const result = await w.admit(userId, 10);
    return result.kind === 'admitted' && result.isListenedTo;
  };
  assert.deepEqual([await listens(one), await listens(other)], [false, false]);
  await h.redis.set(keysWithPrefix(h.prefix).listened(shardOf(one), one), '', 'PX', 60_000);
  assert.deepEqual([await listens(one), await listens(other)], [true, false]);
});

redisTest('the document lives exactly as long as the session', async (w, h) => {
  const session = await w.open(await w.user(), 1000);
  const key = `${h.prefix}:{${session.sessionId.slice(0, 3)}}:s:${nameOfSession(session.sessionId)}`;
  assert.equal(await h.redis.pexpiretime(key), session.expiresAt);
  assert.ok((await h.redis.pttl(key)) <= TTL_MS);
  await w.store.take(session.sessionId, 'a');
  const renewed = await w.store.commit(session.sessionId, 1, { offset: 1 });
  assert.ok(renewed.kind === 'committed');
  assert.equal(await h.redis.pexpiretime(key), renewed.session.expiresAt);
  await w.advance(TTL_MS);
  assert.equal(await h.redis.exists(key), 0);
  assert.equal((await w.store.find(session.sessionId))?.status, 'expired');
});

redisTest('the account outlives the sessions that are summed up in it', async (w, h) => {
  const userId = await w.user();
  await w.open(userId, 1000, { ttlMs: 90_000_000, maxLifetimeMs: 200_000_000 });
  const key = `${h.prefix}:{${shardOf(userId)}}:u:${userId}`;
  assert.ok((await h.redis.pttl(key)) > 200_000_000);
  await w.open(userId, 1000);
  assert.ok((await h.redis.pttl(key)) > 200_000_000, 'a shorter session does not shorten it');
});

redisTest('the account outlives a reservation that is held', async (w, h) => {
  const userId = await w.user();
  const { sessionId } = await w.open(userId, 1000);
  const holdReservationUntil = (await w.now()) + 200_000_000;
  await w.store.end(sessionId, { status: 'cancelled', failure: null, holdReservationUntil });
  assert.ok((await h.redis.pttl(`${h.prefix}:{${shardOf(userId)}}:u:${userId}`)) > 200_000_000);
});

redisTest(
  'the account outlives sealed sessions that nobody decides on, as long as there is a sweeper',
  async (w, h) => {
    const userId = await w.user();
    await w.sealed(userId, 1000);
    for (let hours = 0; hours < 60; hours += 20) {
      await w.advance(20 * 3_600_000);
      assert.equal((await w.store.due(10)).length, 1);
    }
    assert.equal(await h.redis.exists(`${h.prefix}:{${shardOf(userId)}}:u:${userId}`), 1);
  },
);

redisTest('the sweeper looks at a user again when his renewed sessions are due, not before', async (w, h) => {
  const userId = await w.user();
  const { sessionId } = await w.open(userId, 1000);
  await w.store.take(sessionId, 'a');
  await w.advance(TTL_MS / 2);
  await w.store.commit(sessionId, 1, { offset: 1 });
  await w.advance(TTL_MS / 2);
  assert.deepEqual(await w.store.due(10), []);
  const due = Number(await h.redis.zscore(`${h.prefix}:{${shardOf(userId)}}:users`, nameOfUser(userId)));
  const expires = (await h.bare.find(sessionId))?.expiresAt;
  assert.equal(due, expires);
});

redisTest('a session that was forgotten as expired does not expire once more', async (w) => {
  const { sessionId } = await w.open(await w.user(), 10);
  await w.advance(TTL_MS);
  await w.store.forget(sessionId);
  assert.equal((await w.store.end(sessionId, { status: 'expired', failure: null })).kind, 'already');
  assert.deepEqual(await w.store.due(10), []);
});

redisTest('a live or sealed session is not forgotten, whoever asks', async (w) => {
  const userId = await w.user();
  const [live, sealed] = [await w.open(userId, 10), await w.sealed(userId, 10)];
  await w.store.forget(live.sessionId);
  await w.store.forget(sealed.sessionId);
  assert.equal((await w.store.liveSessions(userId)).length, 2);
  assert.equal((await w.quota(userId)).reservedBytes, 20);
});

redisTest('a session that is only forgotten after its time gives its reservation back', async (w) => {
  const userId = await w.user();
  const session = await w.open(userId, 10);
  await w.advance(TTL_MS);
  await w.store.forget(session.sessionId);
  assert.deepEqual(await w.store.due(10), []);
  assert.equal((await w.quota(userId)).reservedBytes, 0);
  assert.deepEqual(await w.keysWithoutTtl?.(), []);
});

redisTest(
  'a session whose state was evicted leaves the list and gives its reservation back',
  async (w, h) => {
    const userId = await w.user();
    const session = await w.open(userId, 10);
    await h.redis.del(`${h.prefix}:{${shardOf(userId)}}:d:${nameOfSession(session.sessionId)}`);
    await w.advance(TTL_MS);
    assert.deepEqual(await w.store.due(10), []);
    assert.equal((await w.quota(userId)).reservedBytes, 0);
    assert.deepEqual(await w.keysWithoutTtl?.(), []);
  },
);

redisTest('sessions that stay due do not keep others from the list', async (w) => {
  const expected = new Set<string>();
  for (const userId of usersOfDifferentShards(8)) {
    await w.load(userId);
    expected.add((await w.open(userId, 10)).sessionId);
  }
  await w.advance(TTL_MS);
  const seen = new Set<string>();
  for (let i = 0; i < 8; i += 1) for (const { sessionId } of await w.store.due(1)) seen.add(sessionId);
  assert.deepEqual(seen, expected);
});

redisTest(
  'what the ledger has just said holds, though the clocks disagree on the end of the period',
  async (w) => {
    const userId = await w.user();
    const { account } = w.ledger.account(userId, [], await w.now());
    const over = { ...account, version: account.version + 1, periodEnd: (await w.now()) - 1 };
    await w.store.load(over, [], []);
    assert.equal((await w.store.admit(admissionOf(userId, 1))).kind, 'admitted');
    await w.advance(5000);
    assert.equal((await w.store.admit(admissionOf(userId, 1))).kind, 'need_account');
  },
);

redisTest('400 at once through two processes: exactly the 10 that fit are admitted', async (w, h) => {
  const userId = await w.user(10 * 1000 + 1);
  const redis = await connectedRedis(sharedRedisPort());
  try {
    const other = createRedisSessionStore({ redis, prefix: h.prefix, shardOf, deadlineMs: PATIENT_MS });
    const results = await Promise.all(
      Array.from({ length: 400 }, (_, i) => (i % 2 ? other : h.bare).admit(admissionOf(userId, 1000))),
    );
    assert.equal(results.filter(({ kind }) => kind === 'admitted').length, 10);
    assert.equal((await w.quota(userId)).reservedBytes, 10_000);
  } finally {
    redis.disconnect();
  }
});

redisTest('a process that never saw a session can commit, finish, end and forget it', async (w, h) => {
  const userId = await w.user();
  const sessions = [];
  for (let i = 0; i < 3; i += 1) sessions.push(await w.open(userId, 10));
  const [one, two, three] = sessions.map(({ sessionId }) => sessionId);
  const { redis, prefix } = h;
  const stranger = () => createRedisSessionStore({ redis, prefix, shardOf, deadlineMs: PATIENT_MS });
  await w.store.take(one ?? '', 'a');
  assert.equal((await stranger().commit(one ?? '', 1, { offset: 10, seal: true })).kind, 'committed');
  const completion = w.ledger.settle(one ?? '', userId, 10, await w.now());
  assert.ok(completion);
  assert.equal((await stranger().finish(one ?? '', completion))?.status, 'completed');
  assert.equal((await stranger().end(two ?? '', { status: 'cancelled', failure: null })).kind, 'ended');
  await stranger().forget(two ?? '');
  assert.deepEqual(
    (await w.store.liveSessions(userId)).map(({ sessionId }) => sessionId),
    [three],
  );
});

redisTest('an upload that was settled is completed, though a failover lost its seal', async (w) => {
  const userId = await w.user();
  const session = await w.open(userId, 10);
  await w.store.take(session.sessionId, 'a');
  const completion = w.ledger.settle(session.sessionId, userId, 10, await w.now());
  assert.ok(completion);
  await w.advance(TTL_MS);
  assert.equal((await w.quota(userId)).reservedBytes, 0);
  assert.equal((await w.store.finish(session.sessionId, completion))?.status, 'completed');
  assert.deepEqual(await w.store.due(10), []);
  assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 10, reservedBytes: 0 });
});

function usersOfDifferentShards(count: number): Iterable<string> {
  const users = new Map<string, string>();
  while (users.size < count) {
    const userId = newUser();
    users.set(shardOf(userId), userId);
  }
  return users.values();
}
