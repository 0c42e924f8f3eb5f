import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import {
  initiateBody,
  P,
  STORES,
  signToken,
  startApp,
  type TestApp,
  type TestRequest,
} from '../helpers/app.ts';

/** A request that must be refused, and change nothing: no quota, no session, no file. */
interface BadRequest {
  readonly name: string;
  readonly path: string;
  readonly request: TestRequest;
  readonly status: number;
  readonly code: string;
  /** Paths that `details.errors` must list. */
  readonly faults?: readonly string[];
}

const INITIATE = `${P}/initiate`;
const context = { source_section: 'video_analysis', workflow_type: 'single_upload' };
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const raw = (body: string, contentType = 'application/json'): TestRequest => ({
  method: 'POST',
  body,
  headers: { 'content-type': contentType },
});

const bodies: readonly (readonly [name: string, request: TestRequest, ...faults: string[]])[] = [
  ['a body that is not JSON', raw('{"dashboard_context":'), ''],
  ['a body that is no JSON at all', raw('hello'), ''],
  ['no body', { method: 'POST' }, ''],
  ['an empty body', raw(''), ''],
  ['a string', raw('"text"'), ''],
  ['null', raw('null'), ''],
  ['an array', raw('[]'), ''],
  ['2 MB of JSON', raw(JSON.stringify(initiateBody({ filler: 'x'.repeat(2_000_000) }))), ''],
  ['depth 1 000', raw(`{"dashboard_context":${nested(1000)}}`), ''],
  ['depth 1 000 in metadata', raw(`{"dashboard_context":{"metadata":{"a":${nested(1000)}}}}`), ''],
  ['depth 100 000', raw(nested(100_000)), ''],
  ['__proto__', raw(`{"__proto__":{"admin":true},"dashboard_context":${JSON.stringify(context)}}`), ''],
  ['__proto__ deep inside', raw('{"dashboard_context":{"metadata":{"__proto__":{"a":1}}}}'), ''],
  ['constructor.prototype', raw('{"constructor":{"prototype":{"a":1}}}'), ''],
  ['bytes that are not UTF-8', { ...raw(''), body: Buffer.from('7b22612222ff7d', 'hex') }, ''],
  ['an empty object', { json: {} }, '/dashboard_context'],
  ['a context that is no object', { json: { dashboard_context: 'x' } }, '/dashboard_context'],
  [
    'a context without its members',
    { json: { dashboard_context: {} } },
    '/dashboard_context/source_section',
    '/dashboard_context/workflow_type',
  ],
  ...['', '   ', '\t\n', 'x'.repeat(65), 7, null].map(
    (section) =>
      [
        `source_section ${JSON.stringify(section).slice(0, 12)}`,
        { json: initiateBody({ dashboard_context: { ...context, source_section: section } }) },
        '/dashboard_context/source_section',
      ] as const,
  ),
  ...['mass_upload', 'SINGLE_UPLOAD', '', null, 1].map(
    (type) =>
      [
        `workflow_type ${JSON.stringify(type)}`,
        { json: initiateBody({ dashboard_context: { ...context, workflow_type: type } }) },
        '/dashboard_context/workflow_type',
      ] as const,
  ),
  [
    'user_preferences that are a list',
    { json: initiateBody({ dashboard_context: { ...context, user_preferences: [] } }) },
    '/dashboard_context/user_preferences',
  ],
  [
    'metadata that is text',
    { json: initiateBody({ dashboard_context: { ...context, metadata: 'x' } }) },
    '/dashboard_context/metadata',
  ],
  [
    'a context over 16 KiB',
    { json: initiateBody({ dashboard_context: { ...context, metadata: { a: 'x'.repeat(16_384) } } }) },
    '/dashboard_context',
  ],
  ...['0', '-1', '1.5', '"1"', '1e99', '9007199254740993', 'true', '[]', '1e400'].map(
    (size) =>
      [
        `expected_file_size ${size}`,
        raw(`{"dashboard_context":${JSON.stringify(context)},"expected_file_size":${size}}`),
        '/expected_file_size',
      ] as const,
  ),
  ['a file_format that is a number', { json: initiateBody({ file_format: 4 }) }, '/file_format'],
  ['a filename with NUL', { json: initiateBody({ filename: 'a\u0000.mp4' }) }, '/filename'],
  ['a filename with CRLF', { json: initiateBody({ filename: 'a\r\nSet-Cookie: x' }) }, '/filename'],
  ['a filename of 5 KB', { json: initiateBody({ filename: 'x'.repeat(5120) }) }, '/filename'],
  [
    'a filename of half a character',
    raw(`{"dashboard_context":${JSON.stringify(context)},"filename":"\\ud83d"}`),
    '/filename',
  ],
  ['a sha256 that is too short', { json: initiateBody({ sha256: 'ab'.repeat(31) }) }, '/sha256'],
  ['a sha256 that is not hex', { json: initiateBody({ sha256: 'zz'.repeat(32) }) }, '/sha256'],
  [
    'several faults at once',
    { json: initiateBody({ expected_file_size: 0, filename: 'x'.repeat(300), sha256: 'x' }) },
    '/expected_file_size',
    '/filename',
    '/sha256',
  ],
  ...['has blank', 'x'.repeat(256), ''].map(
    (key) =>
      [
        `Idempotency-Key "${key.slice(0, 10)}"`,
        { json: initiateBody(), headers: { 'idempotency-key': key } },
        'header/idempotency-key',
      ] as const,
  ),
];

const requests: readonly BadRequest[] = [
  ...bodies.map(([name, request, ...faults]) => ({
    name: `initiate with ${name}`,
    path: INITIATE,
    request,
    status: 400,
    code: 'INVALID_REQUEST',
    faults,
  })),
  ...['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/jsonp'].map(
    (type) => ({
      name: `initiate as ${type}`,
      path: INITIATE,
      request: raw(JSON.stringify(initiateBody()), type),
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    }),
  ),
  {
    name: 'initiate over max_file_size',
    path: INITIATE,
    request: { json: initiateBody({ expected_file_size: 524_288_001 }) },
    status: 413,
    code: 'FILE_TOO_LARGE',
  },
  ...['exe', 'mp4 ', '', '../mp4'].map((format) => ({
    name: `initiate with file_format ${JSON.stringify(format)}`,
    path: INITIATE,
    request: { json: initiateBody({ file_format: format }) },
    status: 415,
    code: 'UNSUPPORTED_FORMAT',
  })),
  ...['nope', '123', 'g2345678-1234-5678-9012-123456789012', '%00'].flatMap((id) =>
    ['GET', 'DELETE'].map((method) => ({
      name: `${method} of session ${id}`,
      path: `${P}/sessions/${id}`,
      request: { method },
      status: 400,
      code: 'INVALID_REQUEST',
      faults: ['path/session_id'],
    })),
  ),
  ...['GET', 'DELETE'].map((method) => ({
    name: `${method} of an unknown session`,
    path: `${P}/sessions/${randomUUID()}`,
    request: { method },
    status: 404,
    code: 'SESSION_NOT_FOUND',
  })),
  {
    name: 'validate of ids that are none',
    path: `${P}/validate`,
    request: { json: { session_id: 'x', user_id: 7 } },
    status: 400,
    code: 'INVALID_REQUEST',
    faults: ['/session_id', '/user_id'],
  },
  {
    name: 'validate for another user',
    path: `${P}/validate`,
    request: { json: { session_id: randomUUID(), user_id: randomUUID() } },
    status: 403,
    code: 'PERMISSION_DENIED',
  },
  ...['0', '501', '-1', '1.5', 'x', '1e2', ''].map((limit) => ({
    name: `sessions with limit "${limit}"`,
    path: `${P}/sessions?limit=${limit}`,
    request: {},
    status: 400,
    code: 'INVALID_REQUEST',
    faults: ['query/limit'],
  })),
  {
    name: 'sessions after a cursor nobody gave',
    path: `${P}/sessions?after=abc`,
    request: {},
    status: 400,
    code: 'INVALID_REQUEST',
    faults: ['query/after'],
  },
  {
    name: 'cleanup without manage_quota',
    path: `${P}/cleanup`,
    request: { method: 'POST' },
    status: 403,
    code: 'PERMISSION_DENIED',
  },
  {
    name: 'a quota of another user without manage_quota',
    path: `/v1/admin/users/${randomUUID()}/quota`,
    request: {},
    status: 403,
    code: 'PERMISSION_DENIED',
  },
  { name: 'an unknown address', path: `${P}/nope`, request: {}, status: 404, code: 'NOT_FOUND' },
  {
    name: 'a method that is not offered',
    path: `${P}/quota`,
    request: { method: 'PATCH' },
    status: 405,
    code: 'INVALID_REQUEST',
  },
];

for (const store of STORES) {
  test(`${store}: bad requests get their status and code, and change nothing`, async (t) => {
    const app = await startApp(t, { store });
    // Something to be changed by mistake.
    assert.equal((await app.call(INITIATE, { json: initiateBody() })).status, 201);
    const before = await everything(app);

    for (const bad of requests) {
      const answer = await app.call(bad.path, bad.request);
      assert.equal(answer.status, bad.status, `${bad.name}: ${JSON.stringify(answer.body)}`);
      assertProblem(bad.name, answer.body, bad);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', bad.name);
      const paths = (answer.body.details.errors ?? []).map((fault: { path: string }) => fault.path);
      for (const path of bad.faults ?? []) assert.ok(paths.includes(path), `${bad.name}: ${paths}`);
      assert.deepEqual(await everything(app), before, bad.name);
    }
  });

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

  test(`${store}: another user's session is 403 however it is asked for, and is not touched`, async (t) => {
    const app = await startApp(t, { store });
    const { body: session } = await app.call(INITIATE, { json: initiateBody() });
    const before = await everything(app);
    const stranger = randomUUID();
    const token = await signToken({ user_id: stranger });

    const asked: readonly (readonly [string, TestRequest])[] = [
      [`${P}/sessions/${session.session_id}`, { token }],
      [`${P}/sessions/${session.session_id}`, { token, method: 'DELETE' }],
      [`${P}/sessions/${session.session_id.toUpperCase()}`, { token, method: 'DELETE' }],
      [`${P}/validate`, { token, json: { session_id: session.session_id, user_id: stranger } }],
      [`/v1/uploads/${session.session_id}`, { token }],
      [`/v1/uploads/${session.session_id}`, { token, method: 'DELETE' }],
    ];
    for (const [path, request] of asked) {
      const answer = await app.call(path, request);
      assert.equal(answer.status, 403, `${request.method ?? 'GET'} ${path}`);
      assert.equal(answer.body.error_code, 'UNAUTHORIZED_ACCESS');
      assert.deepEqual(await everything(app), before);
    }
  });

  test(`${store}: one byte over the quota is 429 with the time to wait, the last byte still fits`, async (t) => {
    const app = await startApp(t, { store, env: { UPLOAD_DEFAULT_QUOTA: '1000' } });
    assert.equal((await app.call(INITIATE, { json: initiateBody({ expected_file_size: 400 }) })).status, 201);
    const before = await everything(app);

    const over = await app.call(INITIATE, { json: initiateBody({ expected_file_size: 601 }) });
    assert.equal(over.status, 429);
    assert.equal(over.body.error_code, 'QUOTA_EXCEEDED');
    assert.equal(over.body.details.required, 601);
    assert.equal(over.body.details.quota_remaining, 600);
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    assert.deepEqual(await everything(app), before);

    const exact = await app.call(INITIATE, { json: initiateBody({ expected_file_size: 600 }) });
    assert.equal(exact.status, 201);
    assert.equal(exact.body.remaining_quota, 0);
  });

  test(`${store}: the session over the limit of live ones is 429`, async (t) => {
    const app = await startApp(t, { store });
    const one = initiateBody({ expected_file_size: 1 });
    const made = await Promise.all(Array.from({ length: 100 }, () => app.call(INITIATE, { json: one })));
    assert.ok(made.every((answer) => answer.status === 201));
    const before = await everything(app);

    const over = await app.call(INITIATE, { json: one });
    assert.equal(over.status, 429);
    assert.equal(over.body.error_code, 'SESSION_LIMIT_EXCEEDED');
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    assert.deepEqual(await everything(app), before);
  });
}

test('a file name is data: a path in it is kept, and leads nowhere', async (t: TestContext) => {
  const app = await startApp(t);
  const { status, body } = await app.call(INITIATE, { json: initiateBody({ filename: '../../x' }) });
  assert.equal(status, 201);
  const session = await app.call(`${P}/sessions/${body.session_id}`);
  assert.equal(session.body.filename, '../../x');
});

/** All that a request could change: the quota, the sessions, the files. */
async function everything(app: TestApp): Promise<object> {
  const [quota, sessions, files] = await Promise.all([
    app.call(`${P}/quota`),
    app.call(`${P}/sessions?limit=500`),
    app.files(),
  ]);
  assert.equal(quota.status, 200);
  assert.equal(sessions.status, 200);
  return { quota: quota.body, sessions: sessions.body, files };
}

function assertProblem(
  name: string,
  body: Record<string, unknown>,
  expected: { readonly status: number; readonly code: string },
): void {
  assert.equal(body.error_code, expected.code, name);
  assert.equal(body.status, expected.status, name);
  assert.equal(body.detail, body.error_message, name);
  assert.match(String(body.timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, name);
  for (const member of ['type', 'title', 'instance', 'details'])
    assert.ok(member in body, `${name}: ${member}`);
  assert.doesNotMatch(JSON.stringify(body), /node_modules|\.ts:|at \w+ \(|127\.0\.0\.1|SQLITE/, name);
}

async function badCredentials(app: TestApp): Promise<(readonly [name: string, header: string | null])[]> {
  const hour = 3600;
  const now = Math.floor(Date.now() / 1000);
  const good = await signToken({ user_id: app.userId });
  const [head, payload, signature] = good.split('.');
  const key = new TextEncoder().encode('a secret of the tests that has at least 32 bytes');
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
