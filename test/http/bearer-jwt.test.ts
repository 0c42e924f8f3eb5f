import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { JWTPayload } from 'jose';
import { initiateBody, P, signToken, startApp } from '../helpers/app.ts';

test('a token is good until 30 seconds after its end, also where it was good before', async (t) => {
  const app = await startApp(t);
  const now = Date.now();
  const token = await signToken({ user_id: app.userId, exp: Math.floor(now / 1000) + 60 });
  const status = async () => (await app.call(`${P}/quota`, { token })).status;
  assert.equal(await status(), 200);

  t.mock.timers.enable({ apis: ['Date'], now: now + 88_000 });
  assert.equal(await status(), 200);
  t.mock.timers.setTime(now + 91_000);
  assert.equal(await status(), 401);
});

test('the user is user_id, else sub, in lower case, whatever the version bits of the UUID', async (t) => {
  const app = await startApp(t);
  const owner = async (claims: JWTPayload) => {
    const token = await signToken(claims);
    const { body } = await app.call(`${P}/initiate`, { token, json: initiateBody() });
    return (await app.call(`${P}/sessions/${body.session_id}`, { token })).body.user_id;
  };
  const id = '12345678-1234-5678-9012-ABCDEFABCDEF';
  assert.equal(await owner({ user_id: id }), id.toLowerCase());
  assert.equal(await owner({ sub: id }), id.toLowerCase());
  assert.equal(await owner({ user_id: id, sub: randomUUID() }), id.toLowerCase());
});

test('issuer and audience are enforced where they are configured, and only there', async (t) => {
  const good = { user_id: randomUUID(), iss: 'https://id.example', aud: 'sluice' };
  const strict = await startApp(t, { env: { JWT_ISSUER: good.iss, JWT_AUDIENCE: good.aud } });
  const free = await startApp(t);
  const status = async (app: typeof strict, claims: JWTPayload) =>
    (await app.call(`${P}/quota`, { token: await signToken(claims) })).status;

  assert.equal(await status(strict, good), 200);
  assert.equal(await status(free, good), 200);
  for (const bad of [{ iss: 'https://evil.example' }, { aud: 'other' }, { iss: '' }, { aud: '' }]) {
    assert.equal(await status(strict, { ...good, ...bad }), 401, JSON.stringify(bad));
  }
  assert.equal(await status(strict, { user_id: good.user_id }), 401);
});
