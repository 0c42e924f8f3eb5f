import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { type Answer, createClient } from './client.ts';
import { serviceFor } from './service.ts';
import { until } from './until.ts';

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
        const startedAt = performance.now();
        const answer = await client.initiate(1000);
        seen.push({ answer, tookMs: performance.now() - startedAt });
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
