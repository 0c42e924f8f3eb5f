import assert from 'node:assert/strict';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { CompactEncrypt, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { P, stateOf, target } from './target.ts';

/** Access tokens that must not be taken (RFC 7519, RFC 8725), one try each against the running service. */

const ISSUER = 'https://id.example';
const AUDIENCE = 'sluice';
const pairs = {
  RS256: await generateKeyPair('RS256', { extractable: true }),
  ES256: await generateKeyPair('ES256', { extractable: true }),
  EdDSA: await generateKeyPair('EdDSA', { extractable: true }),
};
const attacker = await generateKeyPair('ES256', { extractable: true });

/** A key set, and a count of who asks for it. */
const keySet = await serveKeys(pairs);
/** What a token would have the service ask for keys instead. */
const trap = await serveKeys({ ES256: attacker });

const victim = target(() => ({ JWT_JWKS_URL: keySet.url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE }), {
  iss: ISSUER,
  aud: AUDIENCE,
});
const { call, sign, raw, keepSecret } = victim;

const now = Math.floor(Date.now() / 1000);
const good = { user_id: victim.user, iss: ISSUER, aud: AUDIENCE, exp: now + 3600 };
const b64 = (part: string | object) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** Signs whatever stands there with HMAC, be it sensible or not. */
function forge(
  header: string | object,
  payload: string | object,
  key: string | Uint8Array,
  hash = 'sha256',
): string {
  const signed = `${b64(header)}.${b64(payload)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}
const ours = (header: object, payload: string | object = good) =>
  forge({ alg: 'HS256', ...header }, payload, victim.secret);
const byKey = (alg: keyof typeof pairs, header: object = {}, claims: object = {}) =>
  new SignJWT({ ...good, ...claims })
    .setProtectedHeader({ alg, kid: alg, ...header })
    .sign(pairs[alg].privateKey);

const ATTEMPTS: Readonly<Record<string, () => string | Promise<string>>> = {
  ...Object.fromEntries(
    ['none', 'None', 'NONE', 'nOnE', '', 'hs256', 'HS1', null].map((alg) => [
      `alg ${JSON.stringify(alg)} without a signature`,
      () => `${b64({ alg, typ: 'JWT' })}.${b64(good)}.`,
    ]),
  ),
  'alg none with a good signature': () => ours({ alg: 'none' }),
  'alg given twice': () => forge('{"alg":"none","alg":"HS256"}', good, 'x'.repeat(32)),
  'no alg': () => forge({ typ: 'JWT' }, good, victim.secret),
  'alg as a list': () => forge({ alg: ['HS256'] }, good, victim.secret),
  'HS512 with the right secret': () => forge({ alg: 'HS512' }, good, victim.secret, 'sha512'),
  'HS384 with the right secret': () => forge({ alg: 'HS384' }, good, victim.secret, 'sha384'),
  'the empty secret': () => forge({ alg: 'HS256' }, good, ''),
  'a secret of NULs': () => forge({ alg: 'HS256' }, good, Buffer.alloc(32)),
  'the public RSA key as the secret': async () =>
    forge({ alg: 'HS256', kid: 'RS256' }, good, await exportSPKI(pairs.RS256.publicKey)),
  'the public RSA key with white space before it': async () =>
    forge({ alg: 'HS256', kid: 'RS256' }, good, `\n ${await exportSPKI(pairs.RS256.publicKey)}`),
  'the public RSA key without its last line feed': async () =>
    forge({ alg: 'HS256' }, good, (await exportSPKI(pairs.RS256.publicKey)).trim()),
  'the public key as JSON': async () =>
    forge({ alg: 'HS256' }, good, JSON.stringify(await exportJWK(pairs.ES256.publicKey))),
  'RS256 under the kid of another key': () =>
    new SignJWT(good).setProtectedHeader({ alg: 'RS256', kid: 'ES256' }).sign(pairs.RS256.privateKey),
  'PS256 under the kid of the RS256 key': async () =>
    new SignJWT(good)
      .setProtectedHeader({ alg: 'PS256', kid: 'RS256' })
      .sign((await generateKeyPair('PS256')).privateKey),
  'a signature of zeros (CVE-2022-21449)': () =>
    `${b64({ alg: 'ES256', kid: 'ES256' })}.${b64(good)}.${Buffer.alloc(64).toString('base64url')}`,
  'a foreign key under a known kid': () =>
    new SignJWT(good).setProtectedHeader({ alg: 'ES256', kid: 'ES256' }).sign(attacker.privateKey),
  'kid that is a path': () => forge({ alg: 'HS256', kid: '../../../../dev/null' }, good, ''),
  'kid that is SQL': () => forge({ alg: 'HS256', kid: "x' UNION SELECT 'k' --" }, good, 'k'),
  'kid that is a command': () => forge({ alg: 'HS256', kid: '|echo k' }, good, 'k'),
  'kid __proto__': () => byKey('ES256', { kid: '__proto__' }),
  'jku of the attacker': () => signedByAttacker({ jku: trap.url }),
  'x5u of the attacker': () => signedByAttacker({ x5u: trap.url }),
  'jku beside a good signature': () => byKey('ES256', { jku: trap.url }),
  'jwk in the header': async () => signedByAttacker({ jwk: await exportJWK(attacker.publicKey) }),
  'x5c in the header': () => signedByAttacker({ x5c: ['MIIB'] }),
  'a critical header nobody knows': () => ours({ crit: ['http://example/x'], 'http://example/x': 1 }),
  'crit that is empty': () => ours({ crit: [] }),
  'b64 false (RFC 7797)': () => ours({ b64: false, crit: ['b64'] }),
  'no exp': () => ours({}, without('exp')),
  'exp in the past': () => ours({}, { ...good, exp: now - 31 }),
  'exp in milliseconds': () => ours({}, { ...good, exp: Date.now() + 3_600_000 }),
  'exp as text': () => ours({}, { ...good, exp: String(now + 3600) }),
  'exp null': () => ours({}, { ...good, exp: null }),
  'exp without end': () => ours({}, JSON.stringify(good).replace(/"exp":\d+/, '"exp":1e400')),
  'exp twice, the second one past': () =>
    ours({}, JSON.stringify(good).replace(/}$/, `,"exp":${now - 100}}`)),
  'nbf in the future': () => ours({}, { ...good, nbf: now + 3600 }),
  'nbf as text': () => ours({}, { ...good, nbf: 'now' }),
  'another issuer': () => ours({}, { ...good, iss: 'https://evil.example' }),
  'the issuer with a slash': () => ours({}, { ...good, iss: `${ISSUER}/` }),
  'issuers as a list': () => ours({}, { ...good, iss: [ISSUER, 'https://evil.example'] }),
  'no issuer': () => ours({}, without('iss')),
  'another audience': () => ours({}, { ...good, aud: 'other' }),
  'no audience': () => ours({}, without('aud')),
  'typ of a logout token': () => ours({ typ: 'logout+jwt' }),
  'typ of an id token of SD-JWT': () => ours({ typ: 'vc+sd-jwt' }),
  'a user that is no UUID': () => ours({}, { ...good, user_id: 'admin' }),
  'a user that is a list': () => ours({}, { ...good, user_id: [victim.user] }),
  'a user with NUL behind it': () => ours({}, { ...good, user_id: `${victim.user}\0` }),
  'a user under __proto__': () => ours({}, `{"__proto__":{"user_id":"${victim.user}"},"exp":${now + 60}}`),
  'claims that are a list': () => ours({}, '[]'),
  'claims that are no JSON': () => ours({}, '{"user_id":'),
  'an encrypted token': () =>
    new CompactEncrypt(Buffer.from(JSON.stringify(good)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(randomBytes(32)),
  'JSON serialisation': () =>
    JSON.stringify({ payload: b64(good), protected: b64({ alg: 'HS256' }), signature: 'x' }),
  'the signature cut': () => ours({}).slice(0, -1),
  'the signature twice': () => `${ours({})}.${ours({}).split('.')[2]}`,
  'padding behind the signature': () => `${ours({})}=`,
  'a token with line folding in it': () => ours({}).replace('.', '%0d%0a.'),
};

function without(claim: keyof typeof good): object {
  return Object.fromEntries(Object.entries(good).filter(([name]) => name !== claim));
}

function signedByAttacker(header: object): Promise<string> {
  return new SignJWT(good)
    .setProtectedHeader({ alg: 'ES256', kid: 'ES256', ...header })
    .sign(attacker.privateKey);
}

async function serveKeys(keyPairs: Record<string, { publicKey: Parameters<typeof exportJWK>[0] }>) {
  const keys = await Promise.all(
    Object.entries(keyPairs).map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid })),
  );
  const seen = { fetches: 0 };
  const server: Server = createServer((_request, response) => {
    seen.fetches += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`, seen };
}

test('the tokens that the attempts are made of are good themselves', async () => {
  for (const token of [
    ours({}),
    ours({ typ: 'JWT' }),
    await byKey('RS256'),
    await byKey('ES256'),
    await byKey('EdDSA'),
  ]) {
    keepSecret(token);
    assert.equal((await call(`${P}/quota`, { token })).status, 200);
  }
});

for (const [name, make] of Object.entries(ATTEMPTS)) {
  test(`${name}: 401, and nothing is changed`, async () => {
    const token = await make();
    keepSecret(token);
    for (const attempt of [{}, { json: { dashboard_context: {} } }]) {
      const path = 'json' in attempt ? `${P}/initiate` : `${P}/quota`;
      const { status, body, headers } = await call(path, { token, ...attempt });
      assert.deepEqual([status, body.error_code], [401, 'UNAUTHENTICATED']);
      assert.match(headers.get('www-authenticate') ?? '', /^Bearer realm="sluice"/);
    }
  });
}

test('nobody was asked for keys but the configured set, and that one hardly ever', async () => {
  const before = keySet.seen.fetches;
  const flood = Array.from({ length: 200 }, async () => {
    const { status } = await call(`${P}/quota`, { token: await byKey('ES256', { kid: randomUUID() }) });
    assert.equal(status, 401);
  });
  await Promise.all(flood);
  assert.ok(
    keySet.seen.fetches <= before + 1,
    `${keySet.seen.fetches - before} fetches for 200 unknown kids`,
  );
  assert.equal(trap.seen.fetches, 0);
});

test('a token of 20 KB is 431, and one of 10 KB is 401', async () => {
  const request = (size: number) =>
    `GET ${P}/quota HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${'a'.repeat(size)}\r\n\r\n`;
  assert.match(await raw(request(20_000)), /^HTTP\/1\.1 431 /);
  assert.match(await raw(request(10_000)), /^HTTP\/1\.1 401 /);
});

test('of two Authorization headers neither is taken', async () => {
  const bad = `Authorization: Bearer a.b.c\r\n`;
  const fine = `Authorization: Bearer ${await sign()}\r\n`;
  for (const headers of [bad + fine, `Authorization: Basic eDp4\r\n${fine}`]) {
    const answer = await raw(`GET ${P}/quota HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 40[01] /);
  }
});

test('a permission that was not granted stays so, whatever the spelling', async () => {
  for (const claims of [
    { permissions: 'manage_quota' },
    { permissions: { manage_quota: true } },
    { permissions: [['manage_quota']] },
    { permissions: ['MANAGE_QUOTA', 'manage_quota '] },
    { scope: ['manage_quota'] },
    { scope: 'manage_quota\u0000' },
    { permissions: [], scope: 'manage_quota' },
  ]) {
    const token = await sign(claims as JWTPayload);
    const { status, body } = await call(`${P}/cleanup`, { method: 'POST', token });
    assert.deepEqual([status, body.error_code], [403, 'PERMISSION_DENIED'], JSON.stringify(claims));
  }
});

test('after all that the user still has what it had', async () => {
  assert.partialDeepStrictEqual(await stateOf(victim), {
    quota: { quota_used: 0, quota_reserved: 0 },
    sessions: [],
  });
});
