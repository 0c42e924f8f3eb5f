import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { Redis } from 'ioredis';
import { connectedRedis, startRedis } from '../helpers/redis.ts';

const COMMANDS = 200;
/** So many leave in one write, and as many reads are needed at most, beside that of the counter itself. */
const TOGETHER = 8;
const MOST_READS = COMMANDS / TOGETHER + 1;

/** A client of a Redis that nobody else speaks to, so that its counters are those of this client. */
async function aloneOnRedis(t: TestContext): Promise<Redis> {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = await connectedRedis(server.port);
  t.after(() => redis.disconnect());
  return redis;
}

async function reads(redis: Redis): Promise<number> {
  const stats = await redis.info('stats');
  return Number(/total_reads_processed:(\d+)/.exec(stats)?.[1]);
}

test('what requests of one turn ask of Redis reaches it together, in order', async (t) => {
  const redis = await aloneOnRedis(t);
  const key = randomUUID();
  const before = await reads(redis);
  const answers = await Promise.all(Array.from({ length: COMMANDS }, () => redis.incr(key)));
  const needed = (await reads(redis)) - before;
  assert.deepEqual(
    answers,
    Array.from({ length: COMMANDS }, (_, n) => n + 1),
  );
  assert.ok(needed <= MOST_READS, `Redis had to read ${needed} times for ${COMMANDS} commands`);
});

test('a connection that is made anew gathers as before', async (t) => {
  const redis = await aloneOnRedis(t);
  const cut = redis.incr('lost');
  redis.stream.destroy();
  await assert.rejects(cut);
  await new Promise((resolve) => redis.once('ready', resolve));
  const before = await reads(redis);
  await Promise.all(Array.from({ length: COMMANDS }, () => redis.ping()));
  assert.ok((await reads(redis)) - before <= MOST_READS);
});

test('the first of many commands are on their way before the turn that asks for them is over', async (t) => {
  const redis = await aloneOnRedis(t);
  const waiting = () => redis.stream.writableLength > 0;
  const answers: Promise<unknown>[] = [];
  const waited: boolean[] = [];
  for (let n = 0; n < 2 * TOGETHER + 1; n += 1) {
    answers.push(redis.ping());
    waited.push(waiting());
  }
  const sentAt = waited.flatMap((isWaiting, n) => (isWaiting ? [] : [n + 1]));
  assert.deepEqual(sentAt, [TOGETHER, 2 * TOGETHER]);
  await Promise.all(answers);
  assert.equal(waiting(), false);
});
