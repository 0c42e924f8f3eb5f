import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { SignJWT } from 'jose';
import { P, signToken, startApp, type TestApp } from '../helpers/app.ts';
import { startKeySet } from '../helpers/key-set.ts';

/** A token that was good is not looked at again in full: what that must not let through. */

async function statusOf(app: TestApp, jwt: string): Promise<number> {
  return (await app.call(`${P}/quota`, { token: jwt })).status;
}

/** Until the service remembers it: the first look at a token of a key set may be what fetches the set. */
async function makeKnown(app: TestApp, jwt: string): Promise<void> {
  for (let times = 0; times < 3; times += 1) assert.equal(await statusOf(app, jwt), 200);
}

async function startWithKeySet(t: TestContext) {
  const keySet = await startKeySet(t);
  const app = await startApp(t, { env: { JWT_JWKS_URL: keySet.url } });
  const sign = (alg: 'RS256' | 'ES256', expiresIn: string) =>
    new SignJWT({ user_id: randomUUID() })
      .setProtectedHeader({ alg, kid: alg })
      .setExpirationTime(expiresIn)
      .sign(keySet.pairs[alg].privateKey);
  return { keySet, app, sign };
}

test('a known token that is altered by one character, anywhere, is not good', async (t) => {
  const app = await startApp(t);
  const token = await signToken({ user_id: app.userId });
  await makeKnown(app, token);
  // The last character of a signature holds two bits that say nothing.
  for (let at = 0; at < token.length - 1; at += 3) {
    const other = token[at] === 'A' ? 'z' : 'A';
    assert.equal(await statusOf(app, token.slice(0, at) + other + token.slice(at + 1)), 401, `at ${at}`);
  }
  for (const altered of [token.slice(0, -1), `${token}A`, `${token}=`, `${token}.`, token.toUpperCase()]) {
    assert.equal(await statusOf(app, altered), 401, altered);
  }
  assert.equal(await statusOf(app, token), 200);
});

test('claims and signature of a known token are not good under another algorithm', async (t) => {
  const app = await startApp(t);
  const token = await signToken({ user_id: app.userId });
  await makeKnown(app, token);
  const [, claims, signature] = token.split('.');
  for (const alg of ['none', 'HS384', 'HS512', 'RS256', 'hs256']) {
    const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
    assert.equal(await statusOf(app, `${header}.${claims}.${signature}`), 401, alg);
    assert.equal(await statusOf(app, `${header}.${claims}.`), 401, alg);
  }
});

test('a known token is not good before its time, where the clock is set back', async (t) => {
  const app = await startApp(t);
  const now = Date.now();
  const nbf = Math.floor(now / 1000);
  const token = await signToken({ user_id: app.userId, nbf, exp: nbf + 600 });
  await makeKnown(app, token);
  t.mock.timers.enable({ apis: ['Date'], now: now - 60_000 });
  assert.equal(await statusOf(app, token), 401);
});

test('a known token outlives its key by no more than the age of a key set', async (t) => {
  const { keySet, app, sign } = await startWithKeySet(t);
  const [withdrawn, kept] = await Promise.all([sign('ES256', '1h'), sign('RS256', '1h')]);
  await makeKnown(app, withdrawn);
  await makeKnown(app, kept);
  assert.equal(keySet.seen.fetches, 1);

  keySet.state.withdrawn.add('ES256');
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 601_000 });
  let status = 200;
  // The first of them asks for the set, and does not wait for it.
  for (let tries = 0; status === 200 && tries < 500; tries += 1) status = await statusOf(app, withdrawn);
  assert.equal(status, 401);
  assert.equal(await statusOf(app, kept), 200);
  assert.equal(keySet.seen.fetches, 2);
});

test('while the key set cannot be fetched who is known stays known, until his token ends', async (t) => {
  const { keySet, app, sign } = await startWithKeySet(t);
  const [long, short] = await Promise.all([sign('ES256', '1h'), sign('ES256', '11m')]);
  await makeKnown(app, long);
  await makeKnown(app, short);

  keySet.state.away = true;
  const now = Date.now();
  t.mock.timers.enable({ apis: ['Date'], now: now + 601_000 });
  for (let times = 0; times < 20; times += 1) assert.equal(await statusOf(app, long), 200);
  assert.equal(await statusOf(app, short), 200);
  assert.ok(keySet.seen.fetches <= 2, 'it is not asked for with every request');
  t.mock.timers.setTime(now + 700_000);
  assert.equal(await statusOf(app, short), 401);
  assert.equal(await statusOf(app, long), 200);
});
