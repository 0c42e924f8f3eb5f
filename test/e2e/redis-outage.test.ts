import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { type Answer, answerTo, createClient, offsetOf, openPatch, patchRest, writeOut } from './client.ts';
import { serviceFor } from './service.ts';
import { until } from './until.ts';
import { sha256, videoOf } from './videos.ts';

/** Invariant E: with a store down the answer is a 503 within this time. */
const DEADLINE_MS = 2_000;
const CALLERS = 20;

interface Seen {
  readonly answer: Answer;
  readonly tookMs: number;
}

test('Redis killed and restarted under load: 503 at once, then well again, no hang, no crash', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const service = await serviceFor(t, { env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) } });
  const clients = Array.from({ length: CALLERS }, () => createClient(service, randomUUID()));
  const seen: Seen[] = [];
  const load = new AbortController();
  const callers = Promise.all(
    clients.map(async (client) => {
      while (!load.signal.aborted) {
        const elapsedMs = startStopwatch();
        const answer = await client.initiate(1000);
        seen.push({ answer, tookMs: elapsedMs() });
        if (answer.status === 201) await client.call('DELETE', `sessions/${answer.body.session_id}`);
      }
    }),
  );
  const countOf = (status: number) => seen.filter(({ answer }) => answer.status === status).length;

  await until('sessions are admitted', () => countOf(201) > CALLERS);
  await redis.stop();
  await until('requests are refused while Redis is away', () => countOf(503) > CALLERS);
  const health = await fetch(`${service.url}/v1/dashboard/upload/health`);
  assert.equal(health.status, 503);
  assert.equal(((await health.json()) as { redis_connected: boolean }).redis_connected, false);

  const admittedBefore = countOf(201);
  const again = await startRedis({ port: redis.port });
  t.after(() => again.stop());
  await until('sessions are admitted again', () => countOf(201) > admittedBefore + CALLERS);
  load.abort();
  await callers;

  assert(service.running, service.output);
  assert.deepEqual([...new Set(seen.map(({ answer }) => answer.status))].sort(), [201, 503]);
  for (const { answer } of seen.filter(({ answer }) => answer.status === 503)) {
    assert.equal(answer.body.error_code, 'REDIS_CONNECTION_ERROR');
    assert(answer.headers.get('retry-after'), 'a 503 says when to come back');
  }
  const slowest = Math.max(...seen.map(({ tookMs }) => tookMs));
  assert(slowest < DEADLINE_MS, `an answer took ${slowest.toFixed(0)} ms`);
});

/** A file and its upload, of which so many bytes are acknowledged, on a Redis that can be made to hang. */
async function uploadUnderWay(t: TestContext) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const service = await serviceFor(t, { env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) } });
  const client = createClient(service, randomUUID());
  const file = videoOf(24 << 20, 7);
  const session = await client.session(file.length);
  const upload = openPatch(session.url, 0, file.length);
  const answer = answerTo(upload);
  answer.catch(() => {});
  await writeOut(upload, file.subarray(0, 9 << 20));
  await until('bytes are acknowledged', async () => (await offsetOf(session.url)) > 0);
  return {
    client,
    file,
    session,
    upload,
    answer,
    hang: () => process.kill(redis.pid, 'SIGSTOP'),
    goOn: () => process.kill(redis.pid, 'SIGCONT'),
  };
}

test('an upload goes on while Redis hangs for the time of a failover, and completes', async (t) => {
  const { client, file, session, upload, answer, hang, goOn } = await uploadUnderWay(t);
  hang();
  for (let at = 9; at < 21; at += 1) {
    await writeOut(upload, file.subarray(at << 20, (at + 1) << 20));
    await pause(350);
  }
  const refused = await client.initiate(1000);
  assert.equal(refused.status, 503);
  goOn();
  upload.end(file.subarray(21 << 20));
  assert.equal((await answer).statusCode, 204);
  assert.equal((await client.status(session.id)).body.sha256, sha256(file));
});

test('an upload that ends while Redis hangs is 503 in time, and goes on where it was afterwards', async (t) => {
  const { client, file, session, upload, answer, hang, goOn } = await uploadUnderWay(t);
  hang();
  upload.end(file.subarray(9 << 20));
  const elapsedMs = startStopwatch();
  const { statusCode, headers } = await answer;
  const tookMs = elapsedMs();
  assert.equal(statusCode, 503);
  assert.ok(headers['retry-after']);
  // What was sent has to arrive first.
  assert.ok(tookMs < DEADLINE_MS + 1000, `the answer took ${tookMs.toFixed(0)} ms`);
  goOn();
  await until('Redis is found again', async () => (await client.status(session.id)).status === 200);
  assert.equal(await patchRest(session.url, file, await offsetOf(session.url)), 204);
  assert.equal((await client.status(session.id)).body.sha256, sha256(file));
});
