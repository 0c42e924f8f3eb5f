import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { createRedisWriterSignals } from '../../src/stores/redis/writer-signals.ts';
import { connectedRedis, eventually, sharedRedisPort, startRedis } from '../helpers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';

const ORDER = { epoch: 7, reason: 'taken_over' } as const;

/** One process on that Redis, which answers once it can be heard. */
async function processOn(t: TestContext, port: number, prefix: string) {
  const redis = await connectedRedis(port);
  const instance = randomUUID();
  const signals = createRedisWriterSignals({ redis, prefix, instance });
  const obeyed: unknown[] = [];
  signals.onStop(async (sessionId, order) => {
    obeyed.push([sessionId, order]);
    return sessionId !== 'unstoppable';
  });
  t.after(() => {
    signals.close();
    redis.disconnect();
  });
  return { instance, signals, obeyed };
}

/** Two that hear each other. */
async function twoOn(t: TestContext, port: number) {
  const prefix = `test-${randomUUID()}`;
  const [one, other] = await Promise.all([processOn(t, port, prefix), processOn(t, port, prefix)]);
  await eventually(60_000, async () => assert.ok(await one.signals.stop(other.instance, 'ready?', ORDER)));
  await eventually(60_000, async () => assert.ok(await other.signals.stop(one.instance, 'ready?', ORDER)));
  other.obeyed.length = 0;
  return { one, other };
}

test('an order reaches the process it is for, whose answer comes back', async (t) => {
  const { one, other } = await twoOn(t, sharedRedisPort());
  const cancelled = { epoch: Number.MAX_SAFE_INTEGER, reason: 'cancelled' } as const;
  const answers = await Promise.all([
    one.signals.stop(other.instance, 'a', ORDER),
    one.signals.stop(other.instance, 'unstoppable', ORDER),
    one.signals.stop(other.instance, 'b', cancelled),
  ]);
  assert.deepEqual(answers, [true, false, true]);
  assert.deepEqual(other.obeyed, [
    ['a', ORDER],
    ['unstoppable', ORDER],
    ['b', cancelled],
  ]);
});

test('a process that is gone is known to be gone at once', async (t) => {
  const { one, other } = await twoOn(t, sharedRedisPort());
  other.signals.close();
  await eventually(60_000, async () => {
    const elapsedMs = startStopwatch();
    assert.equal(await one.signals.stop(other.instance, 'a', ORDER), false);
    assert.ok(elapsedMs() < 250);
  });
});

test('a process that does not answer is not waited for longer than 800 ms', async (t) => {
  const { one, other } = await twoOn(t, sharedRedisPort());
  other.signals.onStop(() => new Promise(() => {}));
  const elapsedMs = startStopwatch();
  assert.equal(await one.signals.stop(other.instance, 'a', ORDER), false);
  assert.ok(elapsedMs() < 900);
});

test('while Redis hangs or is away the answer is no, in time; when it is back, orders arrive again', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const { one, other } = await twoOn(t, redis.port);
  redis.freeze();
  const elapsedMs = startStopwatch();
  assert.equal(await one.signals.stop(other.instance, 'a', ORDER), false);
  assert.ok(elapsedMs() < 900);
  redis.thaw();
  await redis.kill();
  assert.equal(await one.signals.stop(other.instance, 'a', ORDER), false);
  await redis.start();
  await eventually(60_000, async () => assert.ok(await one.signals.stop(other.instance, 'b', ORDER)));
});
