import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { SluiceError } from '../../src/core/errors.ts';
import { createCircuitBreaker } from '../../src/stores/redis/circuit-breaker.ts';
import { slotOf } from '../../src/stores/redis/slot.ts';
import { eventually, startRedis } from '../helpers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { newUser, shardOf } from './session-store/harness.ts';
import { redisHarness } from './session-store/redis-harness.ts';
import { openWorkshop } from './session-store/workshop.ts';

const AWAY = new SluiceError('REDIS_CONNECTION_ERROR', 'away');
const fails = async () => Promise.reject(AWAY);

/** A breaker on a clock of its own, after so many calls that nobody answered. */
async function breakerAfter(failures: number) {
  let now = 1000;
  let calls = 0;
  const breaker = createCircuitBreaker(() => now);
  for (let n = 0; n < failures; n += 1) await assert.rejects(breaker.run(fails));
  return {
    breaker,
    pass: (ms: number) => {
      now += ms;
    },
    /** Whether a call gets through to the server. */
    async reaches(work: () => Promise<unknown> = async () => 'answer') {
      const before = calls;
      await breaker
        .run(() => {
          calls += 1;
          return work();
        })
        .catch((fault: unknown) => assert.ok(fault instanceof SluiceError));
      return calls > before;
    },
  };
}

test('while calls are answered now and then, all of them get through', async () => {
  const { breaker, reaches } = await breakerAfter(4);
  assert.ok(await reaches());
  for (let n = 0; n < 4; n += 1) await assert.rejects(breaker.run(fails));
  assert.ok(await reaches());
});

test('a refusal is an answer: it keeps nobody else away', async () => {
  const { breaker, reaches } = await breakerAfter(4);
  await assert.rejects(
    breaker.run(async () => Promise.reject(new Error('no such script'))),
    /no such script/,
  );
  for (let n = 0; n < 4; n += 1) await assert.rejects(breaker.run(fails));
  assert.ok(await reaches());
});

test('where nobody is answered, one call after another finds out whether the server is back', async () => {
  const { reaches, pass } = await breakerAfter(5);
  assert.equal(await reaches(), false);
  pass(250);
  assert.equal(await reaches(fails), true);
  assert.equal(await reaches(), false, 'it is still away');
  pass(250);
  const slow = Promise.withResolvers<string>();
  const probe = reaches(() => slow.promise);
  assert.equal(await reaches(), false, 'one asks, the others do not wait for it');
  slow.resolve('answer');
  assert.equal(await probe, true);
  assert.equal(await reaches(), true, 'it is back');
});

test('a health check asks in any case, and what it finds is true for all', async () => {
  const { breaker, reaches } = await breakerAfter(5);
  assert.equal(await reaches(), false);
  assert.equal(await breaker.probe(async () => 'PONG'), 'PONG');
  assert.equal(await reaches(), true);
});

test('a Redis that hangs: after the first few nobody waits for it, and it is found again by itself', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const harness = await redisHarness(server.port);
  t.after(() => harness.redis.disconnect());
  const w = openWorkshop(harness);
  const userId = await w.user();
  server.freeze();
  await Promise.allSettled(Array.from({ length: 5 }, () => harness.bare.read(userId)));
  const elapsedMs = startStopwatch();
  const answers = await Promise.allSettled(Array.from({ length: 100 }, () => harness.bare.read(userId)));
  const tookMs = elapsedMs();
  assert.ok(answers.every(({ status }) => status === 'rejected'));
  assert.ok(tookMs < 250, `a hundred refusals took ${tookMs.toFixed(0)} ms`);
  server.thaw();
  await eventually(60_000, () => harness.bare.read(userId));
});

test('slots of a Cluster are known as Redis itself counts them', async (t) => {
  // Left to itself, it takes the port that is 10 000 above its own, which may be anybody's.
  const busPort = String(await freePort());
  const server = await startRedis({ settings: ['--cluster-enabled', 'yes', '--cluster-port', busPort] });
  t.after(() => server.stop());
  const redis = new Redis({ host: '127.0.0.1', port: server.port });
  t.after(() => redis.disconnect());
  for (const tag of ['000', 'a3f', 'fff', shardOf(newUser()), '', 'a longer tag, with ä']) {
    assert.equal(slotOf(tag), await redis.cluster('KEYSLOT', tag === '' ? '' : `x:{${tag}}:y`), tag);
  }
});

/** So many calls that are at the server at once, and do not end before they are told to. */
async function crowd(calls: number) {
  const { breaker, pass } = await breakerAfter(0);
  const begun: { n: number; answer: PromiseWithResolvers<number> }[] = [];
  const answers = Array.from({ length: calls }, (_, n) =>
    breaker
      .run(() => {
        const answer = Promise.withResolvers<number>();
        begun.push({ n, answer });
        return answer.promise;
      })
      .catch((fault: unknown) => {
        assert.ok(fault instanceof SluiceError);
        return 'refused';
      }),
  );
  return { begun, answers, pass };
}

/** The server hangs: everything that was asked has waited in vain, until nobody is let through any more. */
async function hang({ begun, pass }: Awaited<ReturnType<typeof crowd>>): Promise<number> {
  pass(700);
  let failed = 0;
  while (failed < begun.length) {
    begun[failed]?.answer.reject(AWAY);
    failed += 1;
    if (failed === begun.length) await new Promise((resolve) => setImmediate(resolve));
  }
  return failed;
}

test('of a burst so many are at the server at once, and the others follow in their order', async () => {
  const { begun, answers } = await crowd(200);
  assert.equal(begun.length, 64);
  for (let n = 0; n < 200; n += 1) {
    begun[n]?.answer.resolve(n);
    assert.equal(await answers[n], n);
  }
  assert.deepEqual(
    begun.map(({ n }) => n),
    Array.from({ length: 200 }, (_, n) => n),
  );
});

test('those in line wait for a server that is away; one of them finds out that it is back', async () => {
  const scene = await crowd(80);
  const { begun, answers, pass } = scene;
  const failed = await hang(scene);
  assert.ok(failed < 70, `${failed} asked a server that is away`);
  pass(250);
  await eventually(60_000, async () => assert.equal(begun.length, failed + 1));
  begun[failed]?.answer.resolve(failed);
  await eventually(60_000, async () => assert.equal(begun.length, 80));
  for (const { n, answer } of begun) answer.resolve(n);
  assert.equal(await answers[79], 79);
});

test('those in line are told within a second that a server stays away', async () => {
  const scene = await crowd(80);
  const failed = await hang(scene);
  scene.pass(301);
  assert.deepEqual([...new Set(await Promise.all(scene.answers))], ['refused']);
  // The first of them may have had a last look.
  assert.ok(scene.begun.length <= failed + 1);
});
