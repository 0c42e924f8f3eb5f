import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { startDeadLineProxy } from '../helpers/dead-line-proxy.ts';
import { connectedRedis, eventually, startRedis } from '../helpers/redis.ts';
import { connectedCluster } from '../helpers/redis-cluster.ts';
import { type RunningRelay, startRelay } from '../helpers/redis-relay.ts';

/** Live events while the connection that listens is cut, refused, or dead without a word. */

/** A message that never comes would be waited for. */
const IN_TIME = { timeout: 120_000 };

/** Listens, and resolves once a message that is told again and again is heard. */
async function startListening({ relay }: RunningRelay) {
  let heard = 0;
  await relay.subscribe('7', null, () => {
    heard += 1;
  });
  return async () => {
    const before = heard;
    await eventually(60_000, async () => {
      relay.publish('7', 'still there?');
      await pause(20);
      assert.ok(heard > before);
    });
  };
}

/** Whoever listens is cut off and refused when he comes back, until he may again. */
async function expectHeardAfterRefusal(started: RunningRelay, nodes: readonly Redis[]): Promise<void> {
  const untilHeard = await startListening(started);
  await untilHeard();
  for (const node of nodes) await node.acl('SETUSER', 'default', 'resetchannels');
  await eventually(60_000, async () =>
    assert.ok(started.faults.some(({ message }) => message.startsWith('NOPERM'))),
  );
  for (const node of nodes) await node.acl('SETUSER', 'default', 'allchannels');
  await untilHeard();
}

test(
  'a subscription that fails when the connection comes back ends nothing and is tried again',
  IN_TIME,
  async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const redis = await connectedRedis(server.port);
    await expectHeardAfterRefusal(await startRelay(t, redis), [redis]);
  },
);

test(
  'on a Cluster, too, a subscription that fails when it is made anew is tried again',
  IN_TIME,
  async (t) => {
    const cluster = await startRedisCluster();
    t.after(() => cluster.stop());
    const nodes = await Promise.all(cluster.masters.map(({ port }) => connectedRedis(port)));
    t.after(() => nodes.map((node) => node.disconnect()));
    await expectHeardAfterRefusal(await startRelay(t, await connectedCluster(cluster)), nodes);
  },
);

test(
  'whoever listens on a connection whose other end is gone without a word hears again',
  IN_TIME,
  async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const proxy = await startDeadLineProxy(server.port);
    t.after(() => proxy.close());
    const untilHeard = await startListening(await startRelay(t, await connectedRedis(proxy.port)));
    await untilHeard();
    proxy.cutSilently();
    await untilHeard();
  },
);

/** What listeners are told of what Redis has, though nobody told their connection: once, in order, and nothing from before. */
async function expectMissedToBeHeard(
  redis: Redis,
  { relay, keysOf }: RunningRelay,
  notice: () => Promise<unknown>,
): Promise<void> {
  const { stream } = keysOf('7');
  const first = String(await redis.xadd(stream, '*', 'm', 'before'));
  const wanted = new Map([
    [null, ['missed', 'missed too', 'next']],
    ['0-1', ['before', 'missed', 'missed too', 'next']],
    [first, ['missed', 'missed too', 'next']],
  ]);
  const heard = [...wanted.keys()].map((afterId) => {
    const own: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const hear = (_id: string, message: string) => {
      own.push(message);
      if (message === 'next') resolve();
    };
    return { subscribed: relay.subscribe('7', afterId, hear), own, all: promise };
  });
  for (const { subscribed } of heard) await subscribed;
  await redis.xadd(stream, '*', 'm', 'missed');
  await redis.xadd(stream, '*', 'm', 'missed too');
  await notice();
  await eventually(60_000, async () => {
    for (const { own } of heard) assert.ok(own.includes('missed too'));
  });
  relay.publish('7', 'next');
  for (const { all } of heard) await all;
  assert.deepEqual(
    heard.map(({ own }) => own),
    [...wanted.values()],
  );
}

test(
  'what was told while the connection that listens was cut is heard when it is back',
  IN_TIME,
  async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const redis = await connectedRedis(server.port);
    // Only the connection tells of it in time.
    const started = await startRelay(t, redis, { markEveryMs: 600_000 });
    await expectMissedToBeHeard(redis, started, () => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
  },
);

test('what was told and not heard, for whatever reason, is heard half a minute later', IN_TIME, async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = await connectedRedis(server.port);
  const started = await startRelay(t, redis, { markEveryMs: 20 });
  await expectMissedToBeHeard(redis, started, async () => {});
});
