import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Redis } from 'ioredis';
import type { OutboxEvent } from '../../src/core/outbox.ts';
import { createRedisStream } from '../../src/events/redis-stream.ts';
import { connectedRedis, sharedRedisPort } from '../helpers/redis.ts';

const EVENT: OutboxEvent = {
  id: 'upload-completed-2f1c',
  kind: 'upload.completed',
  subject: '2f1c',
  payload: '{"bytes":1}',
  createdAt: Date.UTC(2026, 0, 1),
  attempts: 1,
};
const signal = new AbortController().signal;

function promise(what: string, body: (redis: Redis, stream: string) => Promise<void>): void {
  test(`redis stream: ${what}`, async () => {
    const redis = await connectedRedis(sharedRedisPort());
    const stream = `test_events_${randomUUID()}`;
    try {
      await body(redis, stream);
    } finally {
      await redis.del(stream, ...(await redis.keys(`{${stream}}:*`)));
      redis.disconnect();
    }
  });
}

promise('an event is added with its id, its type and what webhooks get', async (redis, stream) => {
  const deliver = createRedisStream({ redis, stream });
  assert.deepEqual(await deliver(EVENT, signal), { kind: 'delivered' });
  const [entry] = await redis.xrange(stream, '-', '+');
  const [id, type, json] = [entry?.[1][1], entry?.[1][3], entry?.[1][5]];
  assert.equal(id, EVENT.id);
  assert.equal(type, EVENT.kind);
  assert.deepEqual(JSON.parse(String(json)), {
    type: EVENT.kind,
    timestamp: '2026-01-01T00:00:00.000Z',
    data: { bytes: 1 },
  });
});

promise('retries for another receiver’s sake do not add it again; a replay does', async (redis, stream) => {
  const deliver = createRedisStream({ redis, stream });
  for (const attempts of [1, 2, 3]) await deliver({ ...EVENT, attempts }, signal);
  assert.equal(await redis.xlen(stream), 1);
  for (const attempts of [1, 2]) await deliver({ ...EVENT, attempts }, signal);
  assert.equal(await redis.xlen(stream), 2);
});

promise('the stream is bounded, and no key is without an end', async (redis, stream) => {
  const deliver = createRedisStream({ redis, stream });
  await deliver(EVENT, signal);
  for (const key of [stream, ...(await redis.keys(`{${stream}}:*`))]) {
    assert.ok((await redis.pttl(key)) > 0, `${key} has an end`);
  }
  await redis.eval("for n = 1, 20000 do redis.call('XADD', KEYS[1], '*', 'n', n) end", 1, stream);
  await deliver({ ...EVENT, id: 'another' }, signal);
  assert.ok((await redis.xlen(stream)) < 11_000);
});

promise('a Redis that is away is a failure with its reason, in time', async (_, stream) => {
  const redis = await connectedRedis(sharedRedisPort());
  redis.disconnect();
  const result = await createRedisStream({ redis, stream })(EVENT, signal);
  assert.ok(result.kind === 'failed');
  assert.match(result.reason, /^Redis: /);
});
