import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import { startRedisWithSentinels } from '../../scripts/lib/servers/redis-sentinel.ts';
import { connectListener, connectRedis, untilReady } from '../../src/stores/redis/connect.ts';

/** What the client does to itself when a Sentinel tells of a failover. */
function hearOfFailover(client: Redis | Cluster): void {
  const connector: { disconnect(): void } = Reflect.get(client, 'connector');
  connector.disconnect();
}

/** Beside which errors may be told, too. */
const happens = (client: Redis | Cluster, event: 'connecting' | 'end') =>
  new Promise((resolve) => client.once(event, resolve));

test('a client that hears of a failover just while it is connecting connects all the same; one that is closed stays so', async (t) => {
  const redis = await startRedisWithSentinels();
  t.after(() => redis.stop());
  const sentinels = redis.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = connectRedis({ sentinels, masterName: redis.masterName });
  t.after(() => client.disconnect());
  assert.ok(await untilReady(client, 60_000));
  const listener = connectListener(client);
  t.after(() => listener.disconnect());
  listener.on('error', () => {});
  assert.ok(await untilReady(listener, 60_000));

  for (const one of [client, listener]) {
    const connecting = happens(one, 'connecting');
    one.disconnect(true);
    await connecting;
    const ended = happens(one, 'end');
    hearOfFailover(one);
    await ended;
    assert.ok(await untilReady(one, 60_000), 'it is ready again');
    assert.equal(await one.ping(), 'PONG');

    const closed = happens(one, 'end');
    one.disconnect();
    await closed;
    await delay(300);
    assert.equal(one.status, 'end');
  }
});
