import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { parseList } from 'structured-headers';
import { networkOf } from '../../src/http/rate-limits/network.ts';
import { initiateBody, P, STORES, signToken, startApp, type TestApp } from '../helpers/app.ts';
import { connectedRedis, startRedis } from '../helpers/redis.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { assertProblem } from './refusals.ts';

const INITIATE = `${P}/initiate`;
const initiate = (app: TestApp, token?: string) =>
  app.call(INITIATE, { json: initiateBody(), ...(token === undefined ? {} : { token }) });

for (const store of STORES) {
  test(`${store}: one user too fast is 429 with the headers of the draft; another user is served`, async (t) => {
    const app = await startApp(t, { store, env: { RATE_LIMIT_INITIATE: '3' } });
    for (const left of [2, 1, 0]) {
      const { status, headers } = await initiate(app);
      assert.equal(status, 201);
      assert.equal(headers.get('ratelimit-policy'), '"initiate";q=3;w=60');
      assert.match(headers.get('ratelimit') ?? '', new RegExp(`^"initiate";r=${left};t=\\d+$`));
      assert.equal(headers.get('retry-after'), null);
    }
    const refused = await initiate(app);
    assert.equal(refused.status, 429);
    assertProblem('too fast', refused.body, { status: 429, code: 'RATE_LIMITED' });
    assert.deepEqual(refused.body.details.limit, 3);
    const retryAfter = Number(refused.headers.get('retry-after'));
    assert.ok(retryAfter >= 1 && retryAfter <= 20, `Retry-After ${retryAfter}`);
    const [item] = parseList(refused.headers.get('ratelimit') ?? '');
    assert.equal(item?.[0], 'initiate');
    assert.equal(item?.[1].get('r'), 0);
    assert.equal(item?.[1].get('t'), retryAfter);
    assert.equal(parseList(refused.headers.get('ratelimit-policy') ?? '')[0]?.[1].get('q'), 3);

    assert.equal((await initiate(app, await signToken({ user_id: randomUUID() }))).status, 201);
    const { body } = await app.call(`${P}/quota`);
    assert.equal(body.active_sessions, 3, 'what was refused reserved nothing');
  });
}

test('creation by tus and by the IETF draft takes permits of the same policy', async (t) => {
  const app = await startApp(t, { env: { RATE_LIMIT_INITIATE: '2' } });
  const tus = () =>
    app.fetch('/v1/uploads', { method: 'POST', headers: { 'tus-resumable': '1.0.0', 'upload-length': '9' } });
  const ietf = () =>
    app.fetch('/v1/uploads', { method: 'POST', headers: { 'upload-complete': '?0', 'upload-length': '9' } });
  assert.equal((await tus()).status, 201);
  assert.equal((await ietf()).status, 201);
  for (const create of [tus, ietf]) {
    const refused = await create();
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('ratelimit-policy'), '"initiate";q=2;w=60');
    assert.equal(((await refused.json()) as { error_code: string }).error_code, 'RATE_LIMITED');
  }
  assert.equal((await initiate(app)).status, 429);
});

test('validate has a limit of its own', async (t) => {
  const app = await startApp(t, { env: { RATE_LIMIT_VALIDATE: '1' } });
  const session = await initiate(app);
  const validate = () =>
    app.call(`${P}/validate`, { json: { session_id: session.body.session_id, user_id: app.userId } });
  assert.equal((await validate()).status, 200);
  const refused = await validate();
  assert.deepEqual([refused.status, refused.body.error_code], [429, 'RATE_LIMITED']);
  assert.equal(refused.headers.get('ratelimit-policy'), '"validate";q=1;w=60');
});

test('bad credentials are 429 after too many; good ones get in from that address all the time', async (t) => {
  const app = await startApp(t, { env: { RATE_LIMIT_FAILED_AUTH: '3' } });
  const statuses: number[] = [];
  for (let n = 0; n < 5; n += 1)
    statuses.push((await app.call(`${P}/quota`, { token: `bad.${n}.x` })).status);
  assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
  assert.equal((await app.call(`${P}/quota`)).status, 200);
  assert.equal((await app.call(`${P}/quota`, { token: null })).status, 401, 'nobody guesses with nothing');
  const session = await initiate(app);
  const url = new URL(session.body.upload_url);
  assert.equal((await app.call(`${url.pathname}?token=wrong`, { token: null })).status, 429);
  assert.equal((await app.call(`${url.pathname}${url.search}`, { token: null })).status, 200);
});

test('an address has permits of its own; behind a trusted proxy it is the client that counts', async (t) => {
  const env = { RATE_LIMIT_ADDRESS: '2', TRUST_PROXY: 'loopback' };
  const app = await startApp(t, { env });
  const from = async (address: string) => {
    const token = await signToken({ user_id: randomUUID() });
    const answer = await app.call(INITIATE, {
      json: initiateBody(),
      token,
      headers: { 'x-forwarded-for': address },
    });
    return answer.status;
  };
  assert.deepEqual(
    [await from('198.51.100.1'), await from('198.51.100.1'), await from('198.51.100.1')],
    [201, 201, 429],
  );
  assert.equal(await from('198.51.100.2'), 201);

  const untrusting = await startApp(t, { env: { RATE_LIMIT_ADDRESS: '1' } });
  const forged = (address: string) =>
    untrusting.call(INITIATE, { json: initiateBody(), headers: { 'x-forwarded-for': address } });
  assert.equal((await forged('198.51.100.1')).status, 201);
  assert.equal((await forged('198.51.100.2')).status, 429, 'a header of its own choice helps nobody');
});

test('limits that are off cost no headers', async (t) => {
  const app = await startApp(t);
  const { headers } = await initiate(app);
  assert.equal(headers.get('ratelimit'), null);
  assert.equal(headers.get('ratelimit-policy'), null);
});

test('while Redis is away limits let everybody on, and the answer is the 503 of what needs it, in time', async (t) => {
  const app = await startOnOwnRedis(t);
  const elapsedMs = startStopwatch();
  const answer = await initiate(app);
  assert.deepEqual([answer.status, answer.body.error_code], [503, 'REDIS_CONNECTION_ERROR']);
  assert.ok(elapsedMs() < 2000);
  assert.equal((await app.call('/livez')).status, 200);
  assert.equal((await app.call(`${P}/quota`, { token: 'bad.b.c' })).status, 401);
});

async function startOnOwnRedis(t: TestContext): Promise<TestApp> {
  const server = await startRedis();
  t.after(() => server.stop());
  (await connectedRedis(server.port)).disconnect();
  const app = await startApp(t, {
    env: {
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(server.port),
      RATE_LIMIT_INITIATE: '1',
      RATE_LIMIT_FAILED_AUTH: '1',
    },
  });
  assert.equal((await initiate(app)).status, 201);
  server.freeze();
  return app;
}

test('of IPv6 the /64 counts, whatever its spelling; mapped IPv4 is IPv4', () => {
  const same = [
    '2001:db8:1:2::1',
    '2001:DB8:1:2:ffff:0:0:9',
    '2001:0db8:0001:0002::',
    '2001:db8:1:2::1%eth0',
  ];
  for (const address of same) assert.equal(networkOf(address), '2001:db8:1:2::/64', address);
  assert.equal(networkOf('2001:db8:1:3::1'), '2001:db8:1:3::/64');
  assert.equal(networkOf('::1'), '0:0:0:0::/64');
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
});
