import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { createClient } from '../e2e/client.ts';
import { type ServiceProcess, serviceFor, sharedRedis } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { connectedRedis, sharedRedisPort } from '../helpers/redis.ts';
import { type Receiver, startReceiver } from './receiver.ts';

/** Events from the real service: uploads over HTTP on one side, a receiver and Redis on the other. */

const run = promisify(execFile);
const CLI = fileURLToPath(new URL('../../src/cli.mjs', import.meta.url));
const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const fixture = (name: string) => readFile(new URL(`../fixtures/${name}`, import.meta.url));

interface Scene {
  readonly service: ServiceProcess;
  readonly receiver: Receiver;
  readonly env: Readonly<Record<string, string>>;
}

async function sceneFor(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const receiver = await startReceiver();
  t.after(() => receiver.close());
  const all = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_PRIVATE: 'true', ...env };
  return { service: await serviceFor(t, { env: all }), receiver, env: all };
}

/** The service's environment with PostgreSQL and Redis in place of SQLite. */
async function realStores(t: TestContext): Promise<Record<string, string>> {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  return {
    DATABASE_URL: database.url,
    ...sharedRedis().env,
    REDIS_EVENT_STREAM: `test_events_${randomUUID()}`,
  };
}

async function put(url: URL, body: Buffer): Promise<number> {
  return (await fetch(url, { method: 'PUT', body })).status;
}

/** The events that arrived, verified. */
function events({ received }: Receiver) {
  return received.map(({ body, headers }) => {
    new Webhook(SECRET).verify(body, headers);
    const { type, data } = JSON.parse(body);
    return { id: headers['webhook-id'], type, data };
  });
}

async function cli({ service, env }: Scene, ...args: string[]) {
  const { stdout } = await run(process.execPath, [CLI, 'events', ...args, '--embedded', '--json'], {
    env: { ...process.env, ...env, DATA_DIR: service.dataDir, SECRET_KEY: service.secret },
  });
  return JSON.parse(stdout);
}

test('a completed upload is told to the webhook and the Redis stream, and can be replayed', async (t) => {
  const env = await realStores(t);
  const scene = await sceneFor(t, env);
  const { service, receiver } = scene;
  const user = randomUUID();
  const video = await fixture('sample.mp4');
  const session = await createClient(service, user).session(video.length);
  assert.equal(await put(session.url, video), 201);

  await receiver.until(1);
  const [told] = events(receiver);
  assert.equal(told?.id, `upload-completed-${session.id}`);
  assert.equal(told?.type, 'upload.completed');
  assert.equal(told?.data.user_id, user);
  assert.equal(told?.data.bytes, video.length);
  assert.equal(JSON.parse(told?.data.dashboard_context).source_section, 'end_to_end');

  const redis = await connectedRedis(sharedRedisPort());
  t.after(() => redis.disconnect());
  const stream = String(env.REDIS_EVENT_STREAM);
  const [entry] = await redis.xrange(stream, '-', '+');
  assert.equal(entry?.[1][1], told?.id);

  await until('it is written down as delivered', async () => {
    const [listed] = await cli(scene, 'list');
    return listed.status === 'delivered' && listed.id === told?.id;
  });
  assert.deepEqual(await cli(scene, 'replay', String(told?.id)), { replayed: 1, unknown: 0 });
  await receiver.until(2);
  assert.deepEqual(events(receiver)[1], told);
  await redis.del(stream, ...(await redis.keys(`{${stream}}:*`)));
});

test('uploads that fail or expire are told, each once', async (t) => {
  // Long enough for what comes before the sweep, on a machine that stands still for a while.
  const { service, receiver } = await sceneFor(t, { UPLOAD_SESSION_TTL: '8' });
  const client = createClient(service, randomUUID());
  const page = await fixture('page.html');
  const failed = await client.session(page.length);
  assert.equal(await put(failed.url, page), 415);
  const expired = await client.session(1_000);
  const cancelled = await client.session(1_000);
  assert.equal((await client.call('DELETE', `sessions/${cancelled.id}`)).status, 204);

  await receiver.until(2);
  const told = events(receiver).sort((a, b) => a.type.localeCompare(b.type));
  assert.deepEqual(
    told.map(({ id, type }) => ({ id, type })),
    [
      { id: `upload-expired-${expired.id}`, type: 'upload.expired' },
      { id: `upload-failed-${failed.id}`, type: 'upload.failed' },
    ],
  );
  assert.equal(told[0]?.data.failure, null);
  assert.equal(told[1]?.data.failure.error_code, 'UNSUPPORTED_FORMAT');
});

test('what a killed service had not delivered is delivered after its restart, with the same id', async (t) => {
  const { service, receiver } = await sceneFor(t);
  const video = await fixture('sample.webm');
  receiver.answerWith((response) => response.destroy());
  const session = await createClient(service, randomUUID()).session(video.length);
  assert.equal(await put(session.url, video), 201);
  await receiver.until(1);
  await service.kill('SIGKILL');
  endLeases(service.dataDir);

  receiver.answerWith((response) => response.writeHead(204).end());
  await service.restart();
  await receiver.until(2);
  const ids = events(receiver).map(({ id }) => id);
  assert.deepEqual(new Set(ids), new Set([`upload-completed-${session.id}`]));
});

/** As if the time of a lease had passed. */
function endLeases(dataDir: string): void {
  const ledger = new DatabaseSync(join(dataDir, 'ledger.db'));
  ledger.exec('UPDATE outbox SET next_attempt_at = 0');
  ledger.close();
}

test('a user who comes near the end of the quota is told of once', async (t) => {
  const video = await fixture('sample.mp4');
  const limit = Math.ceil(video.length / 0.85);
  const { service, receiver } = await sceneFor(t, { UPLOAD_DEFAULT_QUOTA: String(limit) });
  const user = randomUUID();
  const session = await createClient(service, user).session(video.length);
  assert.equal(await put(session.url, video), 201);
  await receiver.until(2);
  const threshold = events(receiver).find(({ type }) => type === 'quota.threshold');
  assert.equal(threshold?.data.user_id, user);
  assert.equal(threshold?.data.threshold_percent, 80);
  assert.equal(threshold?.data.quota_used, video.length);
  assert.equal(threshold?.data.quota_limit, limit);
});

test('a webhook that leads inside is not called unless that is allowed, and the events say so', async (t) => {
  const scene = await sceneFor(t, { WEBHOOK_ALLOW_PRIVATE: 'false' });
  const { service, receiver } = scene;
  const video = await fixture('sample.mp4');
  const session = await createClient(service, randomUUID()).session(video.length);
  assert.equal(await put(session.url, video), 201);
  await until('the refusal is written down', async () => {
    const [listed] = await cli(scene, 'list', '--status', 'pending');
    return listed?.last_error === '127.0.0.1 is not a public address';
  });
  assert.equal(receiver.connections(), 0);
});
