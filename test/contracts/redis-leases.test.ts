import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { createRedisLeases } from '../../src/stores/redis/leases.ts';
import { connectedRedis, eventually, sharedRedisPort } from '../helpers/redis.ts';

/** Two processes that ask the same Redis for leases. */
async function twoOn(t: TestContext) {
  const redis = await connectedRedis(sharedRedisPort());
  t.after(() => redis.disconnect());
  const prefix = `test-${randomUUID()}`;
  const leasesOf = (instance: string) => createRedisLeases({ redis, prefix, instance });
  return { one: leasesOf('one'), other: leasesOf('other') };
}

test('one process has a lease until it gives it back, and may have it for longer', async (t) => {
  const { one, other } = await twoOn(t);
  assert.equal(await one.hold('work', 60_000), true);
  assert.equal(await other.hold('work', 60_000), false);
  assert.equal(await other.hold('other work', 60_000), true);
  assert.equal(await one.hold('work', 60_000), true);
  await other.release('work');
  assert.equal(await other.hold('work', 60_000), false, 'a lease is given back by the one who has it');
  await one.release('work');
  assert.equal(await other.hold('work', 1), true);
  await other.release('other work');
});

test('a lease that nobody renews ends by itself', async (t) => {
  const { one, other } = await twoOn(t);
  assert.equal(await one.hold('work', 50), true);
  await eventually(60_000, async () => assert.ok(await other.hold('work', 1)));
});
