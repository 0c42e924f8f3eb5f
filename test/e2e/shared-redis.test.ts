import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { nameOfSession } from '../../src/stores/redis/names.ts';
import { type Answer, createClient } from './client.ts';
import { folderFor, serviceFor, sharedRedis } from './service.ts';

const ROOM = 10;
const SIZE = 1_000_000;
const TTL_SECONDS = 900;
const CONTEXT = { source_section: 'end_to_end', workflow_type: 'single_upload' };

test('two processes on one Redis admit exactly 10 of 400 simultaneous initiates for room for 10', async (t) => {
  const redis = sharedRedis();
  const dataDir = await folderFor(t);
  const env = {
    ...redis.env,
    UPLOAD_DEFAULT_QUOTA: String(ROOM * SIZE),
    UPLOAD_SESSION_TTL: String(TTL_SECONDS),
    SECRET_KEY: randomUUID() + randomUUID(),
  };
  // Both meet an empty folder at once, as two terminals would have it.
  const services = await Promise.all([serviceFor(t, { dataDir, env }), serviceFor(t, { dataDir, env })]);
  const user = randomUUID();
  const clients = services.map((service) => createClient(service, user));

  async function insist(client: (typeof clients)[number]): Promise<Answer> {
    const key = { 'idempotency-key': randomUUID() };
    const body = { dashboard_context: CONTEXT, expected_file_size: SIZE };
    for (;;) {
      const answer = await client.call('POST', 'initiate', body, key);
      // So many at once may be more than a slow machine answers in time. Who asks again hears what was decided.
      if (answer.status !== 503) return answer;
    }
  }
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, n) => insist(clients[n % 2] ?? assert.fail())),
  );
  const admitted = answers.filter(({ status }) => status === 201);
  const refused = answers.filter(
    ({ status, body }) => status === 429 && body.error_code === 'QUOTA_EXCEEDED',
  );
  assert.deepEqual(
    { admitted: admitted.length, refused: refused.length },
    { admitted: ROOM, refused: 400 - ROOM },
  );
  assert.equal(new Set(admitted.map(({ body }) => body.session_id)).size, ROOM);

  for (const client of clients) {
    const quota = await client.quota();
    assert.equal(quota.quota_reserved, ROOM * SIZE);
    assert.equal(quota.quota_remaining, 0);
    assert.equal(quota.active_sessions, ROOM);
  }

  const connection = new Redis({ host: '127.0.0.1', port: redis.port });
  t.after(() => connection.disconnect());
  const keys = await connection.keys(`${redis.prefix}:*`);
  for (const { body } of admitted) {
    const own = keys.filter((key) => key.endsWith(`:s:${nameOfSession(String(body.session_id))}`));
    assert.equal(own.length, 1, `one key holds session ${body.session_id}`);
    const ttlMs = await connection.pttl(own[0] ?? '');
    assert(ttlMs > 0 && ttlMs <= TTL_SECONDS * 1000, `its TTL is ${ttlMs} ms`);
  }
  await connection.del(...keys);
});
