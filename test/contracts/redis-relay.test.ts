import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import { startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { createRedisRelay } from '../../src/events/live/redis-relay.ts';
import { connectListener, untilReady } from '../../src/stores/redis/connect.ts';
import { connectedRedis, eventually, startRedis } from '../helpers/redis.ts';
import { connectedCluster } from '../helpers/redis-cluster.ts';

const USERS = 150;
const MESSAGES = 3;
const PROBE = 'do you hear?';

/** A message that never comes would be waited for. */
const IN_TIME = { timeout: 120_000 };

/** A relay as the service makes it; `lost` are faults it was told of. */
async function startRelay(t: TestContext, redis: Redis | Cluster) {
  const subscriber = connectListener(redis);
  t.after(() => {
    subscriber.disconnect();
    redis.disconnect();
  });
  assert.ok(await untilReady(subscriber, 5000));
  const lost: unknown[] = [];
  const prefix = randomUUID();
  // Two users of three share a slot with others.
  const keyOf = (userId: string) => `${prefix}:{${Number(userId) % 100}}:live:${userId}`;
  const relay = createRedisRelay({ commands: redis, subscriber, keyOf, onLost: (why) => lost.push(why) });
  return { relay, lost };
}

/** Everyone listens, much is told in one turn: each hears his own messages, all of them, in order. */
async function expectEachHisOwn({ relay, lost }: Awaited<ReturnType<typeof startRelay>>): Promise<void> {
  const users = Array.from({ length: USERS }, (_, user) => String(user));
  const heard = new Map<string, string[]>();
  const reached = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = USERS * MESSAGES;
  for (const user of users) {
    const own: string[] = [];
    heard.set(user, own);
    await relay.subscribe(user, null, (_id, message) => {
      if (message === PROBE) return void reached.add(user);
      own.push(message);
      left -= 1;
      if (left === 0) resolve();
    });
  }
  // Nodes of a new Cluster may not know yet what is listened to at the others.
  await eventually(15_000, async () => {
    for (const user of users) if (!reached.has(user)) relay.publish(user, PROBE);
    await pause(20);
    assert.equal(reached.size, USERS);
  });
  for (let nth = 0; nth < MESSAGES; nth += 1) {
    for (const user of users) relay.publish(user, `message ${nth} for ${user}`);
  }
  await promise;
  for (const user of users) {
    const own = Array.from({ length: MESSAGES }, (_, nth) => `message ${nth} for ${user}`);
    assert.deepEqual(heard.get(user), own);
  }
  assert.deepEqual(lost, []);
}

test(
  'what is told to many users in one turn reaches each of them, in order, by a few calls',
  IN_TIME,
  async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const redis = await connectedRedis(server.port);
    const started = await startRelay(t, redis);
    await expectEachHisOwn(started);
    const calls = await redis.info('commandstats');
    const [, times] = /cmdstat_evalsha:calls=(\d+)/.exec(calls) ?? [];
    assert.ok(Number(times) < USERS / 10, `${times} calls`);
  },
);

test(
  'a Redis that has forgotten the script is told all the same, and a user who was away hears it later',
  IN_TIME,
  async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const redis = await connectedRedis(server.port);
    const { relay, lost } = await startRelay(t, redis);
    const { promise, resolve } = Promise.withResolvers<string>();
    await relay.subscribe('7', null, (id) => resolve(id));
    relay.publish('7', 'first');
    const first = await promise;
    await redis.script('FLUSH');
    const told = Promise.withResolvers<void>();
    await relay.subscribe('7', null, () => told.resolve());
    relay.publish('7', 'second');
    relay.publish('8', 'not his');
    relay.publish('7', 'third');
    await told.promise;
    const later: string[] = [];
    const all = Promise.withResolvers<void>();
    await relay.subscribe('7', first, (_id, message) => {
      if (later.push(message) === 2) all.resolve();
    });
    await all.promise;
    assert.deepEqual(later, ['second', 'third']);
    assert.deepEqual(lost, []);
  },
);

test('on a Cluster, too, each user hears his own messages in order', IN_TIME, async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.stop());
  await expectEachHisOwn(await startRelay(t, await connectedCluster(cluster)));
});
