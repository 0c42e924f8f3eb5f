import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Redis } from 'ioredis';
import type { OutboxEvent } from '../../src/core/outbox.ts';
import { createRedisStream } from '../../src/events/redis-stream.ts';
import { createTextCipher } from '../../src/stores/encryption/text-cipher.ts';
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
  const deliver = createRedisStream({ redis, stream, cipher: null });
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

promise(
  'with a cipher what users told is in it sealed, for that session and that place alone',
  async (redis, stream) => {
    const key = randomBytes(32);
    const cipher = createTextCipher({ keys: [{ id: 'k1', key }] });
    const told = { filename: 'holiday.mp4', dashboard_context: '{"a":1.0}' };
    const payload = JSON.stringify({ session_id: '2f1c', bytes: 1, ...told });
    await createRedisStream({ redis, stream, cipher })({ ...EVENT, payload }, signal);
    const [entry] = await redis.xrange(stream, '-', '+');
    const { data } = JSON.parse(String(entry?.[1][5]));
    const { sealed, ...rest } = data;
    assert.deepEqual(rest, { session_id: '2f1c', bytes: 1 });
    assert.match(sealed, /^enc1\.k1\.[\w-]+$/);
    const page = await readFile(new URL('../../docs/events.md', import.meta.url), 'utf8');
    const [, example = ''] = /^```js\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const { openSealed } = await import(`data:text/javascript,${encodeURIComponent(example)}`);
    assert.deepEqual(openSealed(data, { k1: key }), told, 'as docs/events.md says');
    for (const elsewhere of ['2f1c', 'event:2f1d']) {
      assert.equal(cipher.open(sealed, elsewhere).kind, 'unreadable');
    }
    await createRedisStream({ redis, stream, cipher })({ ...EVENT, id: 'quota' }, signal);
    const [, other] = await redis.xrange(stream, '-', '+');
    assert.deepEqual(JSON.parse(String(other?.[1][5])).data, { bytes: 1 }, 'nothing to seal');
  },
);

promise('retries for another receiver’s sake do not add it again; a replay does', async (redis, stream) => {
  const deliver = createRedisStream({ redis, stream, cipher: null });
  for (const attempts of [1, 2, 3]) await deliver({ ...EVENT, attempts }, signal);
  assert.equal(await redis.xlen(stream), 1);
  for (const attempts of [1, 2]) await deliver({ ...EVENT, attempts }, signal);
  assert.equal(await redis.xlen(stream), 2);
});

promise('events of one turn are one call, each added once and in their order', async (redis, stream) => {
  let calls = 0;
  const counting = {
    evalsha(...args: Parameters<typeof redis.evalsha>) {
      calls += 1;
      return redis.evalsha(...args);
    },
    eval: redis.eval.bind(redis),
  };
  const deliver = createRedisStream({ redis: counting, stream, cipher: null });
  await deliver({ ...EVENT, id: 'known' }, signal);
  const ids = Array.from({ length: 40 }, (_, n) => `event-${n}`);
  const before = calls;
  const events = [{ ...EVENT, id: 'known', attempts: 2 }, ...ids.map((id) => ({ ...EVENT, id }))];
  const results = await Promise.all(events.map((event) => deliver(event, signal)));
  assert.deepEqual(new Set(results.map(({ kind }) => kind)), new Set(['delivered']));
  assert.equal(calls - before, 1);
  const told = (await redis.xrange(stream, '-', '+')).map(([, fields]) => fields[1]);
  assert.deepEqual(told, ['known', ...ids]);
});

promise('an event that cannot be read fails alone', async (redis, stream) => {
  const cipher = createTextCipher({ keys: [{ id: 'k1', key: randomBytes(32) }] });
  const deliver = createRedisStream({ redis, stream, cipher });
  const broken = { ...EVENT, id: 'broken', payload: '{' };
  const outcomes = await Promise.allSettled([broken, EVENT].map((event) => deliver(event, signal)));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  assert.equal(await redis.xlen(stream), 1);
});

promise('the stream is bounded, and no key is without an end', async (redis, stream) => {
  const deliver = createRedisStream({ redis, stream, cipher: null });
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
  const result = await createRedisStream({ redis, stream, cipher: null })(EVENT, signal);
  assert.ok(result.kind === 'failed');
  assert.match(result.reason, /^Redis: /);
});
