import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initiateBody, P, startApp } from '../helpers/app.ts';
import { sendRaw } from '../helpers/raw-http.ts';

/** Head and JSON body of an answer that was read from the socket. */
function parseAnswer(text: string): { status: number; head: string; body: Record<string, unknown> } {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: JSON.parse(body) };
}

test('what is not HTTP gets a problem and a closed connection, and the service goes on', async (t) => {
  const app = await startApp(t);
  const cases: readonly (readonly [request: string, status: number])[] = [
    ['GARBAGE\r\n\r\n', 400],
    ['GET / HTTP/9.9\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ];
  for (const [request, status] of cases) {
    const answer = parseAnswer(await sendRaw(app.url, request));
    assert.equal(answer.status, status, request.slice(0, 40));
    assert.equal(answer.body.status, status);
    assert.equal(answer.body.error_code, 'INVALID_REQUEST');
    assert.match(answer.head, /content-type: application\/problem\+json/);
    assert.match(answer.head, /connection: close/);
  }
  assert.equal((await app.call('/livez')).status, 200);
});

test('a malformed path is a problem', async (t) => {
  const app = await startApp(t);
  const answer = parseAnswer(
    await sendRaw(app.url, 'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  );
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error_code, 'INVALID_REQUEST');
});

test('405 names the methods there are', async (t) => {
  const app = await startApp(t);
  const answer = await app.call(`${P}/initiate`);
  assert.equal(answer.status, 405);
  assert.equal(answer.headers.get('allow'), 'POST');
  const admin = await app.call(`/v1/admin/users/${app.userId}/quota`, { method: 'DELETE' });
  assert.equal(admin.headers.get('allow'), 'GET, PUT');
  for (const attempt of [
    { method: 'QUERY' },
    { method: 'PATCH', body: 'x', headers: { 'content-type': 'a/b' } },
    { method: 'DELETE', body: '{', headers: { 'content-type': 'application/json' } },
  ]) {
    const refused = await app.call(`${P}/quota`, attempt);
    assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET'], attempt.method);
  }
});

test('a problem shows the path but never the query, where tokens stand', async (t) => {
  const app = await startApp(t);
  const answer = await app.call(`${P}/nope?token=secret-token`);
  assert.equal(answer.body.instance, `${P}/nope`);
  assert.doesNotMatch(JSON.stringify(answer.body), /secret-token/);
});

test("every answer has a request id: the proxy's where it is sane, else a new one", async (t) => {
  const app = await startApp(t);
  const own = await app.call(`${P}/nope`, { headers: { 'x-request-id': 'proxy-17.a' } });
  assert.equal(own.headers.get('x-request-id'), 'proxy-17.a');
  const seen = new Set<string | null>();
  for (const id of ['x'.repeat(200), 'a b', '']) {
    const { headers } = await app.call('/livez', { headers: { 'x-request-id': id } });
    assert.notEqual(headers.get('x-request-id'), id);
    seen.add(headers.get('x-request-id'));
  }
  assert.equal(seen.size, 3);
});

test('a stranger who sends without end is answered and cut off', async (t) => {
  const app = await startApp(t);
  const head = `POST ${P}/initiate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const answer = parseAnswer(await sendRaw(app.url, `${head}5\r\nhello\r\n`));
  assert.equal(answer.status, 401);
});

test('pages of allowed origins may read every answer, errors included; others may not', async (t) => {
  const origin = 'https://dash.example.org';
  const app = await startApp(t, { env: { CORS_ORIGINS: `${origin},https://other.example` } });
  const asked = [
    await app.fetch(`${P}/quota`, { headers: { origin } }),
    await app.fetch(`${P}/nope`, { headers: { origin } }),
    await app.fetch(`${P}/quota`, { headers: { origin }, token: null }),
    await app.fetch(`${P}/initiate`, { headers: { origin }, json: {} }),
    await app.fetch('/v1/uploads/nope', { headers: { origin } }),
  ];
  for (const { headers, url } of asked) {
    assert.equal(headers.get('access-control-allow-origin'), origin, url);
    assert.equal(headers.get('access-control-allow-credentials'), 'true', url);
    assert.match(headers.get('vary') ?? '', /Origin/);
    const exposed = headers.get('access-control-expose-headers') ?? '';
    for (const name of ['Location', 'Upload-Offset', 'Upload-Expires', 'Tus-Resumable', 'Retry-After']) {
      assert.ok(exposed.split(', ').includes(name), `${url}: ${name}`);
    }
  }
  for (const foreign of ['https://evil.example', 'https://dash.example.org.evil.example', 'null']) {
    const { headers } = await app.fetch(`${P}/quota`, { headers: { origin: foreign } });
    assert.equal(headers.get('access-control-allow-origin'), null, foreign);
  }
});

test('a preflight is answered before anybody asks who it is', async (t) => {
  const app = await startApp(t, { env: { CORS_ORIGINS: 'https://dash.example.org' } });
  for (const path of [`${P}/initiate`, '/v1/uploads', '/v1/uploads/12345678-1234-4678-9012-123456789012']) {
    const answer = await app.fetch(path, {
      method: 'OPTIONS',
      token: null,
      headers: {
        origin: 'https://dash.example.org',
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,tus-resumable,upload-offset',
      },
    });
    assert.ok(answer.status === 204 || answer.status === 200, path);
    assert.equal(answer.headers.get('access-control-allow-origin'), 'https://dash.example.org', path);
    assert.match(answer.headers.get('access-control-allow-methods') ?? '', /PATCH/);
    assert.match(answer.headers.get('access-control-allow-headers') ?? '', /tus-resumable/);
  }
});

test('the request that finds the ledger gone is 503 with a time to wait, and says nothing internal', async (t) => {
  const app = await startApp(t);
  await app.service.stores.close();
  const answer = await app.call(`${P}/initiate`, { json: initiateBody() });
  assert.equal(answer.status, 503);
  assert.equal(answer.body.error_code, 'LEDGER_UNAVAILABLE');
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  assert.doesNotMatch(JSON.stringify(answer.body), /sqlite|database|\.db/i);
});
