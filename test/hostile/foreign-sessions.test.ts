import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { P, stateOf, target } from './target.ts';

/** Another user's session, on every route that takes a session; and upload tokens that are not its own. */

const victim = target();
const { call, sign } = victim;
const sample = new Uint8Array(readFileSync(new URL('../fixtures/sample.mp4', import.meta.url)));
const TUS = {
  'tus-resumable': '1.0.0',
  'upload-offset': '0',
  'content-type': 'application/offset+octet-stream',
};

interface Operation {
  readonly path: string;
  readonly method: string;
}

async function routesOfSessions(): Promise<Operation[]> {
  const { body } = await call('/openapi.json', { token: null });
  return Object.entries(body.paths as Record<string, object>)
    .filter(([path]) => path.includes('{session_id}'))
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
}

test("another user's session is 403 on every route and in every dialect, and nothing is changed", async () => {
  const session = await victim.session();
  const stranger = await sign({ user_id: randomUUID() });
  const before = await stateOf(victim);
  const routes = await routesOfSessions();
  assert.ok(routes.length >= 8, 'the routes are found');
  const dialects: Record<string, string>[] = [
    {},
    TUS,
    { 'upload-complete': '?1', 'upload-offset': '0', 'content-type': 'application/partial-upload' },
  ];
  for (const { path, method } of routes) {
    for (const headers of path.startsWith('/v1/uploads/') ? dialects : [{}]) {
      const answer = await call(path.replace('{session_id}', session.id), {
        method,
        token: stranger,
        headers: {
          ...(path.startsWith('/v1/uploads/') ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(['GET', 'HEAD', 'DELETE'].includes(method) ? {} : { body: '{"parts":[],"part_numbers":[1]}' }),
      });
      const name = `${method} ${path} ${JSON.stringify(headers)}`;
      // A request that lacks a header of its dialect is told so before anybody looks at the session.
      const statuses = method === 'POST' || method === 'PATCH' ? [403, 412, 400, 415] : [403];
      assert.ok(statuses.includes(answer.status), `${name}: ${answer.status}`);
      assert.ok(!answer.text.includes(victim.user), `${name} tells whose it is`);
    }
  }
  const validation = await call(`${P}/validate`, {
    token: stranger,
    json: { session_id: session.id, user_id: victim.user },
  });
  assert.deepEqual([validation.status, validation.body.error_code], [403, 'PERMISSION_DENIED']);
  assert.deepEqual(await stateOf(victim), before);
});

test('a token of an upload is good for that upload alone, and in one spelling', async () => {
  const [own, other] = [await victim.session(), await victim.session()];
  const last = own.token.at(-1) === 'A' ? 'B' : 'A';
  for (const forged of [
    other.token,
    own.token.slice(0, -1) + last,
    `B${own.token.slice(1)}`,
    own.token.toLowerCase(),
    `${own.token}=`,
    `${own.token}%00`,
    own.token.slice(0, 20),
    '',
    'undefined',
    Buffer.alloc(38).toString('base64url'),
    `${own.token}&token=${own.token}`,
    `x&token=${own.token}`,
  ]) {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await call(`${own.path}?token=${forged}`, {
        method,
        token: null,
        ...(method === 'PATCH' ? { headers: TUS } : {}),
        ...(method === 'PUT' || method === 'PATCH' ? { body: sample.slice(0, 1000) } : {}),
      });
      assert.deepEqual(
        [answer.status, answer.body?.error_code],
        [403, 'UNAUTHORIZED_ACCESS'],
        `${method} ${forged}`,
      );
    }
  }
  assert.equal((await call(`${own.path}?token=${own.token}`, { token: null })).status, 200);
});

test('a token of an upload opens no other door', async () => {
  const { id, token } = await victim.session();
  for (const path of [
    `${P}/quota`,
    `${P}/sessions`,
    `${P}/sessions/${id}`,
    `${P}/events`,
    `/v1/admin/users/${victim.user}/quota`,
  ]) {
    assert.equal((await call(`${path}?token=${token}`, { token: null })).status, 401, path);
    assert.equal((await call(path, { token })).status, 401, `${path} as a bearer`);
  }
  const created = await call(`/v1/uploads?token=${token}`, {
    method: 'POST',
    token: null,
    headers: { 'tus-resumable': '1.0.0', 'upload-length': '10' },
  });
  assert.equal(created.status, 401);
});

test('after the end of a session its token brings in no byte', async () => {
  const { path, token } = await victim.session({ expected_file_size: sample.length });
  const put = () => call(`${path}?token=${token}`, { method: 'PUT', token: null, body: sample });
  assert.equal((await put()).status, 201);
  assert.equal((await put()).status, 201, 'the same file is the same answer');
  const before = await stateOf(victim);
  const other = sample.slice();
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
  const replaced = await call(`${path}?token=${token}`, { method: 'PUT', token: null, body: other });
  assert.deepEqual([replaced.status, replaced.body.error_code], [409, 'UPLOAD_COMPLETED']);
  assert.equal((await call(`${path}?token=${token}`, { method: 'DELETE', token: null })).status, 409);
  assert.deepEqual(await stateOf(victim), before);

  const cancelled = await victim.session();
  const address = `${cancelled.path}?token=${cancelled.token}`;
  assert.equal((await call(address, { method: 'DELETE', token: null })).status, 204);
  const late = await call(address, { method: 'PUT', token: null, body: sample.slice(0, 1000) });
  assert.deepEqual([late.status, late.body.error_code], [410, 'SESSION_EXPIRED']);
});

test('a Referer never carries a token: every answer says so, errors and files of the page too', async () => {
  const { path, token } = await victim.session();
  for (const address of [`${path}?token=${token}`, `${path}?token=x`, '/v1/nope', '/docs', `${P}/health`]) {
    const { headers } = await call(address, { token: null });
    assert.equal(headers.get('referrer-policy'), 'no-referrer', address);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', address);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/, address);
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/, address);
    assert.equal(headers.get('x-powered-by'), null);
  }
});
