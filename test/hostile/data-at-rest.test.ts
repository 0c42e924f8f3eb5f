import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { Redis } from 'ioredis';
import { startServiceProcess } from '../../scripts/lib/service-process.ts';
import { nameOfSession } from '../../src/stores/redis/names.ts';
import { sharedRedis } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { context, P, target } from './target.ts';

/** Somebody who can read and write the Redis in which the sessions are. */

const { env, port, prefix } = sharedRedis();
const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const [current, earlier] = [key('new'), key('old')];
const stream = `${prefix}:events`;
const victim = target(() => ({
  ...env,
  SESSION_ENCRYPTION_KEYS: `${current},${earlier}`,
  REDIS_EVENT_STREAM: stream,
}));
const { call, keepSecret } = victim;
const TOLD = `a name nobody else should read ${randomUUID()}`;
keepSecret(current.slice(4), earlier.slice(4), TOLD);

const redis = new Redis({ host: '127.0.0.1', port });
after(async () => {
  for (const name of await redis.keys(`${prefix}:*`)) await redis.del(name);
  redis.disconnect();
});

const secretSession = () =>
  victim.session({ filename: `${TOLD}.mp4`, dashboard_context: { ...context, metadata: { note: TOLD } } });
const documentOf = (id: string) => `${prefix}:{${id.slice(0, 3)}}:s:${nameOfSession(id)}`;

test('what users told stands nowhere in Redis', async () => {
  const { id } = await secretSession();
  const names = await redis.keys(`${prefix}:*`);
  assert.ok(names.includes(documentOf(id)));
  for (const name of names) {
    const dump = await redis.dumpBuffer(name);
    assert.ok(!dump?.includes(TOLD), name);
  }
  const { body } = await call(`${P}/sessions/${id}`);
  assert.equal(body.dashboard_context.metadata.note, TOLD);
});

test('nor does it in the stream of events', async () => {
  const { id, path, token } = await secretSession();
  const sent = await call(`${path}?token=${token}`, {
    token: null,
    method: 'PUT',
    body: 'no video! '.repeat(100),
  });
  assert.equal(sent.status, 415);
  const told = async () => JSON.stringify(await redis.xrange(stream, '-', '+'));
  await until('its end is told of', async () => (await told()).includes(`upload-failed-${id}`));
  assert.ok(!(await told()).includes(TOLD));
});

test('a ciphertext moved to the session of somebody else is refused, tells nothing, and is audited', async () => {
  const { id: secret } = await secretSession();
  const thief = await victim.sign({ user_id: randomUUID() });
  const made = await call(`${P}/initiate`, {
    token: thief,
    json: { dashboard_context: context, expected_file_size: 10 },
  });
  const own = made.body.session_id as string;
  keepSecret(new URL(made.body.upload_url).searchParams.get('token') ?? '');
  await redis.set(documentOf(own), (await redis.get(documentOf(secret))) ?? '');

  for (const path of [`${P}/sessions/${own}`, `/v1/uploads/${own}`]) {
    const { status, body, text } = await call(path, { token: thief });
    assert.deepEqual([status, body.error_code], [500, 'INTERNAL_ERROR']);
    assert.doesNotMatch(text, /crypt|nobody else|aes|gcm/i);
  }
  const list = await call(`${P}/sessions`, { token: thief });
  assert.deepEqual([list.status, list.body], [200, []]);
  const isAudited = ({ event, session_id }: Record<string, unknown>) =>
    event === 'encryption.unreadable' && session_id === own;
  await until('the audit is written', () => victim.logLines().some(isAudited));
  const line = victim.logLines().find(isAudited);
  assert.deepEqual([line?.audit, line?.reason, line?.key_id], [true, 'not_authentic', 'new']);
  assert.equal((await call(`${P}/sessions/${secret}`)).status, 200, 'the owner reads on');
});

test('keys rotate without a session being lost; the use of the old one is written down', async (t) => {
  const before = await startServiceProcess({
    env: { ...env, SECRET_KEY: victim.secret, SESSION_ENCRYPTION_KEYS: earlier },
  });
  t.after(() => before.stop());
  const response = await fetch(`${before.url}${P}/initiate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await victim.sign()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ dashboard_context: context, filename: TOLD }),
  });
  const made = (await response.json()) as { session_id: string };
  assert.equal((await call(`${P}/sessions/${made.session_id}`)).body.filename, TOLD);
  const noted = ({ event, key_id }: Record<string, unknown>) =>
    event === 'encryption.old_key_in_use' && key_id === 'old';
  await until('the audit is written', () => victim.logLines().some(noted));

  const behind = await startServiceProcess({
    env: { ...env, SECRET_KEY: victim.secret, SESSION_ENCRYPTION_KEYS: earlier },
  });
  t.after(() => behind.stop());
  const { id } = await secretSession();
  const unread = await fetch(`${behind.url}${P}/sessions/${id}`, {
    headers: { authorization: `Bearer ${await victim.sign()}` },
  });
  assert.equal(unread.status, 500, 'a process that has not got the new key yet says so, and guesses nothing');
});
