import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sealed, signFlaskCookie } from './flask-signer.ts';
import { context, P, stateOf, target } from './target.ts';

/** The dashboard's session cookies, and what other sites can do with a browser that has one. */

const SECRET = 'the key of the dashboard that is long enough';
const FALLBACK = 'the key before it and still listed by the service';
const RETIRED = 'the key before that one and listed by nobody now';
const ORIGIN = 'https://dash.example.org';
const victim = target(() => ({
  FLASK_SECRET_KEY: SECRET,
  FLASK_SECRET_KEY_FALLBACKS: FALLBACK,
  CORS_ORIGINS: ORIGIN,
}));
const { call, keepSecret } = victim;
keepSecret(SECRET, FALLBACK, RETIRED);

const signedIn = { user_id: victim.user, authenticated: true };
const now = Math.floor(Date.now() / 1000);
const DAY = 86_400;
const good = signFlaskCookie(signedIn, { secret: SECRET });
const parts = good.split('.') as [string, string, string];

function read(cookie: string, headers: Record<string, string> = {}) {
  keepSecret(...(cookie.length > 30 ? [cookie] : []));
  return call(`${P}/quota`, { token: null, headers: { cookie: `session=${cookie}`, ...headers } });
}
const body = { dashboard_context: context, expected_file_size: 10 };
const write = (headers: Record<string, string>, json: object = body) =>
  call(`${P}/initiate`, { token: null, json, headers: { cookie: `session=${good}`, ...headers } });

const flask = JSON.parse(
  readFileSync(new URL('../fixtures/flask/cookies.json', import.meta.url), 'utf8'),
) as {
  user_id: string;
  signed_at: number;
  secret: string;
  cookies: { plain: string; no_user: string };
};

test('the signer of these tests makes the very cookie that Flask makes', () => {
  const { secret, signed_at: at, cookies } = flask;
  assert.equal(signFlaskCookie({ authenticated: true }, { secret, at }), cookies.no_user);
  const compressed = cookies.plain.slice(0, cookies.plain.lastIndexOf('.'));
  assert.equal(sealed(compressed, secret), cookies.plain);
});

test('good cookies are taken: plain, compressed, of the fallback key, as old as may be', async () => {
  for (const cookie of [
    good,
    signFlaskCookie({ ...signedIn, theme: 'dark '.repeat(100) }, { secret: SECRET, compress: true }),
    signFlaskCookie(signedIn, { secret: FALLBACK }),
    signFlaskCookie(signedIn, { secret: SECRET, at: now - 31 * DAY + 60 }),
    signFlaskCookie(signedIn, { secret: SECRET, at: now + 20 }),
  ]) {
    assert.equal((await read(cookie)).status, 200);
  }
});

const BAD_COOKIES: Readonly<Record<string, string>> = {
  'nothing in it': '',
  'only dots': '...',
  'no signature': `${parts[0]}.${parts[1]}`,
  'an empty signature': `${parts[0]}.${parts[1]}.`,
  'a signature of zeros': `${parts[0]}.${parts[1]}.${Buffer.alloc(20).toString('base64url')}`,
  'a signature of another length': `${good}AA`,
  'the signature in another base64': `${parts[0]}.${parts[1]}.${parts[2]}=`,
  'another payload under the signature': `${Buffer.from('{"user_id":"x"}').toString('base64url')}.${parts[1]}.${parts[2]}`,
  'another time under the signature': `${parts[0]}.AAAAAA.${parts[2]}`,
  'a key that is retired': signFlaskCookie(signedIn, { secret: RETIRED }),
  'the empty key': signFlaskCookie(signedIn, { secret: '' }),
  'a salt of another purpose': signFlaskCookie(signedIn, { secret: SECRET, salt: 'password-reset' }),
  'signed with the key itself': sealed(`${parts[0]}.${parts[1]}`, SECRET, ''),
  'a day too old': signFlaskCookie(signedIn, { secret: SECRET, at: now - 32 * DAY }),
  'from the future': signFlaskCookie(signedIn, { secret: SECRET, at: now + 3600 }),
  'from the year 10889': sealed(
    `${parts[0]}.${Buffer.from('ffffffffff', 'hex').toString('base64url')}`,
    SECRET,
  ),
  'no time': sealed(parts[0], SECRET),
  'a time of many bytes': sealed(`${parts[0]}.${'A'.repeat(40)}`, SECRET),
  'a zlib bomb, well signed': signFlaskCookie(`{"a":"${'0'.repeat(4_000_000)}"}`, {
    secret: SECRET,
    compress: true,
  }),
  'a bomb that unpacks to a user': signFlaskCookie(
    { ...signedIn, junk: '0'.repeat(70_000) },
    { secret: SECRET, compress: true },
  ),
  'broken zlib, well signed': sealed(`.${Buffer.from('not zlib').toString('base64url')}.${parts[1]}`, SECRET),
  'junk that is no base64, well signed': sealed(`!!${parts[0]}.${parts[1]}`, SECRET),
  'blanks inside, well signed': sealed(`${parts[0].slice(0, 9)} ${parts[0].slice(9)}.${parts[1]}`, SECRET),
  'no JSON, well signed': signFlaskCookie('{"user_id":', { secret: SECRET }),
  'a list, well signed': signFlaskCookie('[]', { secret: SECRET }),
  'null, well signed': signFlaskCookie('null', { secret: SECRET }),
  'the user under __proto__': signFlaskCookie(`{"__proto__":${JSON.stringify(signedIn)}}`, {
    secret: SECRET,
  }),
  'nobody signed in': signFlaskCookie({ user_id: victim.user }, { secret: SECRET }),
  'authenticated as text': signFlaskCookie({ ...signedIn, authenticated: 'true' }, { secret: SECRET }),
  'authenticated as 1': signFlaskCookie({ ...signedIn, authenticated: 1 }, { secret: SECRET }),
  'no user': signFlaskCookie({ authenticated: true }, { secret: SECRET }),
  'a user that is a path': signFlaskCookie({ ...signedIn, user_id: '../../x' }, { secret: SECRET }),
  'a user that is a list': signFlaskCookie({ ...signedIn, user_id: [victim.user] }, { secret: SECRET }),
  'quotes around rubbish': '"x"',
  '7 KB of rubbish': 'x'.repeat(7000),
};

for (const [name, cookie] of Object.entries(BAD_COOKIES)) {
  test(`a cookie with ${name}: 401`, async () => {
    const { status, body: problem } = await read(cookie);
    assert.deepEqual([status, problem.error_code], [401, 'UNAUTHENTICATED']);
  });
}

test('the first of two cookies of that name counts, and a bad one is not made good by the next', async () => {
  const headers = { cookie: `session=rubbish; session=${good}` };
  assert.equal((await call(`${P}/quota`, { token: null, headers })).status, 401);
});

test('a bearer decides alone: a bad one is 401 beside a good cookie', async () => {
  assert.equal((await read(good, { authorization: 'Bearer a.b.c' })).status, 401);
  assert.equal((await read('rubbish', { authorization: `Bearer ${await victim.sign()}` })).status, 200);
});

const FOREIGN: readonly Record<string, string>[] = [
  {},
  { origin: 'null' },
  { origin: 'https://evil.example' },
  { origin: `${ORIGIN}.evil.example` },
  { origin: `${ORIGIN}:8443` },
  { origin: ORIGIN.replace('https', 'http') },
  { origin: ORIGIN.toUpperCase() },
  { origin: `${ORIGIN}/` },
  { origin: `${ORIGIN}, ${ORIGIN}` },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
  { referer: `${ORIGIN}/page` },
];

for (const headers of FOREIGN) {
  test(`a POST with a good cookie and ${JSON.stringify(headers)}: 403, and nothing is made`, async () => {
    const before = await stateOf(victim);
    const { status, body: problem } = await write(headers);
    assert.deepEqual([status, problem.error_code], [403, 'CROSS_SITE_REQUEST']);
    for (const method of ['DELETE', 'PUT', 'PATCH']) {
      const cookie = `session=${good}`;
      const path = `/v1/uploads/${victim.user}`;
      assert.ok(
        [403, 404, 412].includes(
          (await call(path, { method, token: null, headers: { cookie, ...headers } })).status,
        ),
      );
    }
    assert.deepEqual(await stateOf(victim), before);
  });
}

test('forms of another page cannot speak JSON: text/plain and form bodies are 415 or 403', async () => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ]) {
    const answer = await call(`${P}/initiate`, {
      method: 'POST',
      token: null,
      body: JSON.stringify(body),
      headers: { cookie: `session=${good}`, 'content-type': type, 'sec-fetch-site': 'same-origin' },
    });
    assert.ok([400, 415].includes(answer.status), `${type} got ${answer.status}`);
  }
});

test('same-origin pages and the listed origin may; with the preflight of no other', async () => {
  for (const headers of [{ origin: ORIGIN }, { 'sec-fetch-site': 'same-origin' }] as Record<
    string,
    string
  >[]) {
    assert.equal((await write(headers)).status, 201);
  }
  const preflight = (origin: string) =>
    call(`${P}/initiate`, {
      method: 'OPTIONS',
      token: null,
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
  const fine = await preflight(ORIGIN);
  assert.equal(fine.headers.get('access-control-allow-origin'), ORIGIN);
  assert.equal(fine.headers.get('access-control-allow-credentials'), 'true');
  for (const origin of [
    'https://evil.example',
    'null',
    `${ORIGIN}.evil.example`,
    'https://dash.example.org:1',
  ]) {
    const { headers } = await preflight(origin);
    assert.equal(headers.get('access-control-allow-origin'), null, origin);
    assert.match(
      headers.get('vary') ?? '',
      /origin/i,
      'a cache must not give one origin the answer for another',
    );
  }
});
