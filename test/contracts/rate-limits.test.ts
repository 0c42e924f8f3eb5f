import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import type { RateLimits, RateSubject } from '../../src/core/ports.ts';
import { createMemoryRateLimits } from '../../src/stores/memory/rate-limits.ts';
import { createRedisRateLimits } from '../../src/stores/redis/rate-limits.ts';
import { connectedRedis, eventually, sharedRedisPort, startRedis } from '../helpers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { shardOf } from './session-store/harness.ts';

/** What is promised of permits here must not fail because the machine stood still for a moment. */
const PATIENT_MS = 60_000;

type MakeLimits = (t: TestContext) => Promise<RateLimits>;

const ADAPTERS: Readonly<Record<string, MakeLimits>> = {
  memory: async () => createMemoryRateLimits(),
  redis: async (t) => (await redisLimits(t)).limits,
};

async function redisLimits(t: TestContext, prefix = `test-${randomUUID()}`) {
  const redis = await connectedRedis(sharedRedisPort());
  t.after(async () => {
    for (const key of await redis.keys(`${prefix}:*`)) await redis.unlink(key);
    redis.disconnect();
  });
  return { redis, prefix, limits: createRedisRateLimits({ redis, prefix, shardOf, deadlineMs: PATIENT_MS }) };
}

const user = (userId: string = randomUUID()): RateSubject => ({ kind: 'user', userId });
const HOUR = 3_600_000;

for (const [name, make] of Object.entries(ADAPTERS)) {
  test(`${name}: as many permits as there are, then refusals that say when to come again`, async (t) => {
    const limits = await make(t);
    const subject = user();
    const policy = { name: 'work', permits: 4, windowMs: HOUR };
    for (const left of [3, 2, 1, 0]) {
      const verdict = await limits.take(policy, subject);
      assert.deepEqual([verdict.allowed, verdict.remaining, verdict.retryMs], [true, left, 0]);
    }
    for (let again = 0; again < 3; again += 1) {
      const { allowed, remaining, retryMs, resetMs } = await limits.take(policy, subject);
      assert.deepEqual([allowed, remaining], [false, 0]);
      assert.ok(retryMs > HOUR / 4 - 10_000 && retryMs <= HOUR / 4, `one comes back in ${retryMs} ms`);
      assert.ok(resetMs > HOUR - 10_000 && resetMs <= HOUR, `all are back in ${resetMs} ms`);
    }
  });

  test(`${name}: permits come back one by one, without an edge`, async (t) => {
    const limits = await make(t);
    const subject = user();
    const policy = { name: 'work', permits: 200, windowMs: 10_000 };
    const backAfter = (ms: number) => Math.floor((ms * policy.permits) / policy.windowMs);
    const began = performance.now();
    let given = Number((await limits.take(policy, subject)).allowed);
    const latest = performance.now();
    // Whoever is refused has had all that came back until he asked, however slowly he did; and nobody ever more.
    for (let allowed = true; allowed || performance.now() - began < 600; ) {
      const least = policy.permits + backAfter(performance.now() - latest) - 1;
      ({ allowed } = await limits.take(policy, subject));
      if (allowed) given += 1;
      const most = policy.permits + backAfter(performance.now() - began) + 2;
      assert.ok(given <= most, `${given} permits, at most ${most}`);
      assert.ok(allowed || given >= least, `${given} permits, at least ${least}`);
    }
  });

  test(`${name}: of many at once exactly as many pass; others and other work are not touched`, async (t) => {
    const limits = await make(t);
    const subject = user();
    const policy = { name: 'work', permits: 30, windowMs: HOUR };
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => limits.take(policy, subject)));
    assert.equal(verdicts.filter(({ allowed }) => allowed).length, 30);
    assert.ok((await limits.take(policy, user())).allowed);
    assert.ok((await limits.take({ ...policy, name: 'other' }, subject)).allowed);
    assert.ok((await limits.take(policy, { kind: 'address', address: '192.0.2.7' })).allowed);
  });
}

test('memory: a clock that is set back keeps nobody waiting', async (t) => {
  const limits = createMemoryRateLimits();
  const subject = user();
  const policy = { name: 'work', permits: 4, windowMs: HOUR };
  const now = Date.now();
  t.mock.timers.enable({ apis: ['Date'], now });
  await limits.take(policy, subject);
  t.mock.timers.setTime(now - 24 * HOUR);
  const { allowed, remaining, resetMs } = await limits.take(policy, subject);
  assert.deepEqual([allowed, remaining], [true, 2]);
  assert.ok(resetMs <= HOUR / 2, `all are back in ${resetMs} ms`);
});

test('redis: a clock that is set back keeps nobody waiting', async (t) => {
  const { redis, prefix, limits } = await redisLimits(t);
  const subject = user();
  const policy = { name: 'work', permits: 4, windowMs: HOUR };
  await limits.take(policy, subject);
  const [key = assert.fail('no key')] = await redis.keys(`${prefix}:*`);
  // By a clock that was a day ahead.
  await redis.set(key, Number(await redis.get(key)) + 24 * HOUR * 1000);
  const { allowed, remaining, resetMs } = await limits.take(policy, subject);
  assert.deepEqual([allowed, remaining], [true, 3]);
  assert.ok(resetMs <= HOUR / 4, `all are back in ${resetMs} ms`);
});

test('redis: processes share the permits; keys carry the shard, die by themselves and hold no address', async (t) => {
  const first = await redisLimits(t);
  const second = await redisLimits(t, first.prefix);
  const userId = randomUUID();
  const policy = { name: 'work', permits: 2, windowMs: 60_000 };
  const address: RateSubject = { kind: 'address', address: '192.0.2.77' };
  assert.ok((await first.limits.take(policy, user(userId))).allowed);
  assert.ok((await second.limits.take(policy, user(userId))).allowed);
  assert.ok(!(await first.limits.take(policy, user(userId))).allowed);
  await first.limits.take(policy, address);

  const keys = await first.redis.keys(`${first.prefix}:*`);
  assert.equal(keys.length, 2);
  assert.ok(keys.includes(`${first.prefix}:{${shardOf(userId)}}:l:work:${userId}`), keys.join());
  for (const key of keys) {
    assert.match(key, /:\{[0-9a-f]{3}\}:/);
    assert.doesNotMatch(key, /192\.0/);
    const left = await first.redis.pttl(key);
    assert.ok(left > 0 && left <= 60_000, `${key} lives ${left} ms`);
  }
});

test('redis: away or hung it throws within 300 ms, and works again when it is back', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = await connectedRedis(server.port);
  t.after(() => redis.disconnect());
  const limits = createRedisRateLimits({ redis, prefix: 'test', shardOf });
  const policy = { name: 'work', permits: 2, windowMs: 60_000 };
  assert.ok((await eventually(60_000, () => limits.take(policy, user()))).allowed);

  for (const [hurt, mend] of [
    [() => server.freeze(), () => server.thaw()],
    [() => server.kill(), () => server.start()],
  ] as const) {
    await hurt();
    const elapsedMs = startStopwatch();
    await assert.rejects(
      limits.take(policy, user()),
      (error) => error instanceof SluiceError && error.code === 'REDIS_CONNECTION_ERROR',
    );
    assert.ok(elapsedMs() < 300 + 200, 'with some room for a busy machine');
    await mend();
    await eventually(60_000, () => limits.take(policy, user()));
  }
});
