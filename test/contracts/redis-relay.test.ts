import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { connectedRedis, eventually, startRedis } from '../helpers/redis.ts';
import { connectedCluster } from '../helpers/redis-cluster.ts';
import { type RunningRelay, startRelay } from '../helpers/redis-relay.ts';

const USERS = 150;
const MESSAGES = 3;
const PROBE = 'do you hear?';

/** A message that never comes would be waited for. */
const IN_TIME = { timeout: 120_000 };

/**
 * Everyone listens, much is told in one turn: each hears his own messages, all of them, in order. `onReached`: all
 * hear, and nothing is told yet.
 */
async function expectEachHisOwn(
  { relay, lost }: RunningRelay,
  onReached: () => Promise<unknown> = async () => {},
): Promise<void> {
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
  await eventually(60_000, async () => {
    for (const user of users) if (!reached.has(user)) relay.publish(user, PROBE);
    await pause(20);
    assert.equal(reached.size, USERS);
  });
  await onReached();
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
    // On the connection that asks: what was told before has been counted before.
    await expectEachHisOwn(started, () => redis.config('RESETSTAT'));
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

test(
  'nothing is written for a user nobody listens to, and what is heard goes when its minute is over',
  IN_TIME,
  async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const redis = await connectedRedis(server.port);
    const { relay, lost, keysOf } = await startRelay(t, redis);
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = await relay.subscribe('7', null, () => resolve());
    // Told in one call, in this order.
    relay.publish('8', 'to nobody');
    relay.publish('7', 'to him');
    await promise;
    const [his, nobodys] = [keysOf('7'), keysOf('8')];
    assert.deepEqual((await redis.keys('*')).sort(), [his.listened, his.stream].sort());
    assert.equal(await redis.exists(nobodys.stream), 0);
    const [kept, marked] = [await redis.pttl(his.stream), await redis.pttl(his.listened)];
    assert.ok(kept > 0 && kept <= 60_000, `kept for ${kept} ms`);
    assert.ok(marked > 60_000, 'whoever left is remembered for longer than what he may have missed');
    stop();
    assert.equal(await redis.exists(his.listened), 1);
    assert.deepEqual(lost, []);
  },
);

test('a Redis that comes back empty is told anew who listens', IN_TIME, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = await connectedRedis(server.port);
  // Only the connection tells of it in time.
  const { relay } = await startRelay(t, redis, { markEveryMs: 600_000 });
  const { promise, resolve } = Promise.withResolvers<void>();
  await relay.subscribe('7', null, () => resolve());
  await server.kill();
  await server.start();
  let heard = false;
  void promise.then(() => {
    heard = true;
  });
  await eventually(60_000, async () => {
    relay.publish('7', 'still there?');
    await pause(20);
    assert.ok(heard);
  });
});

test('a Redis that has lost who listens, though no connection was cut, is told again', IN_TIME, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = await connectedRedis(server.port);
  const { relay, keysOf } = await startRelay(t, redis, { markEveryMs: 20 });
  const { promise, resolve } = Promise.withResolvers<void>();
  await relay.subscribe('7', null, () => resolve());
  await redis.flushall();
  await eventually(60_000, async () => assert.equal(await redis.exists(keysOf('7').listened), 1));
  relay.publish('7', 'still there?');
  await promise;
});

test('on a Cluster, too, each user hears his own messages in order', IN_TIME, async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.stop());
  await expectEachHisOwn(await startRelay(t, await connectedCluster(cluster)));
});
