import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import { initiateBody, P, STORES, signToken, startApp, TEST_SECRET, type TestApp } from '../helpers/app.ts';
import { assertProblem, everything } from './refusals.ts';

const INITIATE = `${P}/initiate`;

for (const store of STORES) {
  test(`${store}: bad credentials get 401 with a challenge, and change nothing`, async (t) => {
    const app = await startApp(t, { store });
    const before = await everything(app);
    for (const [name, header] of await badCredentials(app)) {
      for (const path of [INITIATE, `${P}/validate`, `${P}/quota`, `${P}/cleanup`, `${P}/sessions`]) {
        const post = path !== `${P}/quota` && path !== `${P}/sessions`;
        const answer = await app.call(path, {
          token: null,
          ...(post ? { json: initiateBody() } : {}),
          ...(header === null ? {} : { headers: { authorization: header } }),
        });
        assert.equal(answer.status, 401, `${name} at ${path}`);
        assertProblem(name, answer.body, { status: 401, code: 'UNAUTHENTICATED' });
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer realm="sluice"/, name);
        assert.equal(answer.headers.get('www-authenticate')?.includes('error='), header !== null, name);
      }
    }
    assert.deepEqual(await everything(app), before);
  });
}

async function badCredentials(app: TestApp): Promise<(readonly [name: string, header: string | null])[]> {
  const hour = 3600;
  const now = Math.floor(Date.now() / 1000);
  const good = await signToken({ user_id: app.userId });
  const [head, payload, signature] = good.split('.');
  const key = new TextEncoder().encode(TEST_SECRET);
  const bearer = (token: string) => `Bearer ${token}`;
  return [
    ['no token', null],
    ['expired', bearer(await signToken({ user_id: app.userId, exp: now - 31 }))],
    ['alg none', bearer(new UnsecuredJWT({ user_id: app.userId }).setExpirationTime(now + hour).encode())],
    ['signature left out', bearer(`${head}.${payload}.`)],
    [
      'another payload',
      bearer(`${head}.${Buffer.from('{"user_id":"x"}').toString('base64url')}.${signature}`),
    ],
    ['wrong key', bearer(await signToken({ user_id: app.userId }, 'another secret of at least 32 bytes!!'))],
    [
      'another algorithm of the same key',
      bearer(
        await new SignJWT({ user_id: app.userId, exp: now + hour })
          .setProtectedHeader({ alg: 'HS512' })
          .sign(new Uint8Array(64).map((_, index) => key[index % key.length] ?? 0)),
      ),
    ],
    [
      'no exp',
      bearer(await new SignJWT({ user_id: app.userId }).setProtectedHeader({ alg: 'HS256' }).sign(key)),
    ],
    ['not yet good', bearer(await signToken({ user_id: app.userId, nbf: now + hour }))],
    ['a user id that is not a UUID', bearer(await signToken({ user_id: 'alice' }))],
    ['a user id that is a number', bearer(await signToken({ user_id: 7 }))],
    ['a bad user id beside a good subject', bearer(await signToken({ user_id: 'alice', sub: app.userId }))],
    ['no user', bearer(await signToken({}))],
    ['rubbish', 'Bearer rubbish'],
    ['no token after Bearer', 'Bearer '],
    ['another scheme', 'Basic dTpw'],
    ['two tokens', `${bearer(good)}, ${bearer(good)}`],
  ];
}
