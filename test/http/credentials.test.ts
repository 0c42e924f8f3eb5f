import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { initiateBody, P, startApp } from '../helpers/app.ts';
import { startKeySet } from '../helpers/key-set.ts';

/** RFC 8725, and Flask's cookies: credentials of the identity provider and of the dashboard. */

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/flask/cookies.json', import.meta.url), 'utf8'),
) as { user_id: string; signed_at: number; secret: string; retired: string; cookies: Record<string, string> };
const ORIGIN = 'https://dash.example.org';
const FLASK = {
  FLASK_SECRET_KEY: fixture.secret,
  FLASK_SECRET_KEY_FALLBACKS: fixture.retired,
  FLASK_COOKIE_MAX_AGE: '31536000',
  CORS_ORIGINS: ORIGIN,
};

const token = (alg: string, extra: object = {}) =>
  new SignJWT({ user_id: randomUUID() })
    .setProtectedHeader({ alg, kid: alg, ...extra })
    .setExpirationTime('5m');

async function statusOf(app: Awaited<ReturnType<typeof startApp>>, jwt: string): Promise<number> {
  return (await app.call(`${P}/quota`, { token: jwt })).status;
}

test('tokens of each key in the set are taken, and the set is fetched once', async (t) => {
  const { url, pairs, seen } = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: url } });
  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
    assert.equal(await statusOf(app, await token(alg).sign(pairs[alg].privateKey)), 200, alg);
  }
  const flood = Array.from({ length: 50 }, async () => {
    const forged = await token('ES256', { kid: randomUUID() }).sign(pairs.ES256.privateKey);
    assert.equal(await statusOf(app, forged), 401);
  });
  await Promise.all(flood);
  assert.equal(seen.fetches, 1, 'a flood of unknown key ids fetches nothing more');
});

test('while the key set cannot be fetched a token is neither good nor bad: 503, and no failed sign-in', async (t) => {
  const { url, pairs, state } = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: url, RATE_LIMIT_FAILED_AUTH: '1' } });
  const jwt = await token('ES256').sign(pairs.ES256.privateKey);
  state.away = true;
  for (let times = 0; times < 3; times += 1) {
    const { status, body, headers } = await app.call(`${P}/quota`, { token: jwt });
    assert.deepEqual([status, body.error_code], [503, 'STORAGE_UNAVAILABLE']);
    assert.match(headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal(headers.get('www-authenticate'), null);
  }
  const bySecret = await token('HS256').sign(new TextEncoder().encode('nobody has this secret of 32 bytes'));
  assert.equal(await statusOf(app, bySecret), 401, 'what needs no key of the set is judged as ever');
  state.away = false;
  assert.equal(await statusOf(app, jwt), 200);
});

test('a key set whose server is gone is 503, too', async (t) => {
  const { pairs } = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: `http://127.0.0.1:${await freePort()}/jwks` } });
  const jwt = await token('ES256').sign(pairs.ES256.privateKey);
  assert.equal(await statusOf(app, jwt), 503);
});

test('a public key is never taken for a secret, however it is spelled', async (t) => {
  const { url, pairs } = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: url } });
  const pem = await exportSPKI(pairs.RS256.publicKey);
  for (const secret of [
    pem,
    `\n${pem}`,
    ` ${pem}`,
    pem.trim(),
    JSON.stringify(await exportJWK(pairs.RS256.publicKey)),
  ]) {
    const forged = await token('HS256', { kid: 'RS256' }).sign(new TextEncoder().encode(secret));
    assert.equal(await statusOf(app, forged), 401);
  }
});

test('a key serves the algorithm of its own type alone', async (t) => {
  const { url, pairs } = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: url } });
  const crossed = await token('ES256', { kid: 'RS256' }).sign(pairs.ES256.privateKey);
  assert.equal(await statusOf(app, crossed), 401);
  const otherHash = await generateKeyPair('RS512');
  assert.equal(await statusOf(app, await token('RS512').sign(otherHash.privateKey)), 401);
});

test('a token that brings its key, points to one, or needs what we do not know is refused', async (t) => {
  const { url, pairs, seen } = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: url } });
  const own = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(own.publicKey);
  for (const extra of [
    { jwk },
    { jku: url },
    { x5u: url },
    { x5c: ['AAAA'] },
    { typ: 'logout+jwt' },
    { kid: '../../etc/passwd' },
    { kid: "' OR 1=1 --" },
  ]) {
    const forged = await token('ES256', extra).sign('jwk' in extra ? own.privateKey : pairs.ES256.privateKey);
    assert.equal(await statusOf(app, forged), 401, JSON.stringify(extra));
  }
  const critical = await token('ES256', { crit: ['exp-policy'], 'exp-policy': 1 }).sign(
    pairs.ES256.privateKey,
    { crit: { 'exp-policy': true } },
  );
  assert.equal(await statusOf(app, critical), 401);
  assert.ok(seen.fetches <= 1);
});

test('an exp in milliseconds is no exp; secrets that are being retired still verify', async (t) => {
  const old = 'the secret that was in use until last week';
  const app = await startApp(t, { env: { SECRET_KEY_FALLBACKS: old } });
  const key = new TextEncoder().encode(old);
  const claims = { user_id: randomUUID() };
  const sign = (exp: number) =>
    new SignJWT({ ...claims, exp }).setProtectedHeader({ alg: 'HS256' }).sign(key);
  assert.equal(await statusOf(app, await sign(Math.floor(Date.now() / 1000) + 60)), 200);
  assert.equal(await statusOf(app, await sign(Date.now() + 60_000)), 401);
  const plain = await startApp(t);
  assert.equal(await statusOf(plain, await sign(Math.floor(Date.now() / 1000) + 60)), 401);
});

test('a Flask session signs its user in; one without user, sign-in or a listed key does not', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: fixture.signed_at * 1000 + 60_000 });
  const app = await startApp(t, { env: FLASK });
  const call = (name: string) =>
    app.call(`${P}/quota`, {
      token: null,
      headers: { cookie: `theme=dark; session=${fixture.cookies[name]}; other=1` },
    });
  for (const name of ['plain', 'compressed', 'uuid', 'tagged', 'retired_key']) {
    assert.equal((await call(name)).status, 200, name);
  }
  for (const name of [
    ...['not_authenticated', 'authenticated_text', 'no_user', 'user_not_uuid', 'proto'],
    ...['other_key', 'other_salt', 'bomb', 'future'],
  ]) {
    const answer = await call(name);
    assert.deepEqual([answer.status, answer.body.error_code], [401, 'UNAUTHENTICATED'], name);
  }
});

test('a cookie changes something only from the site itself or an allowed origin', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: fixture.signed_at * 1000 + 60_000 });
  const app = await startApp(t, { env: FLASK });
  const cookie = `session=${fixture.cookies.plain}`;
  const post = (headers: Record<string, string>) =>
    app.call(`${P}/initiate`, { token: null, json: initiateBody(), headers: { cookie, ...headers } });

  for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: ORIGIN }]) {
    assert.equal((await post(headers)).status, 201, JSON.stringify(headers));
  }
  for (const headers of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'null' },
    { origin: 'https://evil.example' },
    { origin: `${ORIGIN}.evil.example` },
    { origin: ORIGIN.toUpperCase() },
  ] as Record<string, string>[]) {
    const answer = await post(headers);
    const seen = [answer.status, answer.body.error_code];
    assert.deepEqual(seen, [403, 'CROSS_SITE_REQUEST'], JSON.stringify(headers));
  }
});

test('a bearer decides alone: a bad one is 401 whatever the cookie says', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: fixture.signed_at * 1000 + 60_000 });
  const app = await startApp(t, { env: FLASK });
  const headers = { cookie: `session=${fixture.cookies.plain}`, authorization: 'Bearer a.b.c' };
  assert.equal((await app.call(`${P}/quota`, { token: null, headers })).status, 401);
});

test('where no Flask key is configured, cookies are nothing', async (t) => {
  const app = await startApp(t);
  const headers = { cookie: `session=${fixture.cookies.plain}` };
  assert.equal((await app.call(`${P}/quota`, { token: null, headers })).status, 401);
});
