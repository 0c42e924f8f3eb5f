import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { P, stateOf, target } from './target.ts';

/** Names and headers that want to be more than that: ids, filenames, metadata, forwarding headers. */

const victim = target();
const { call, raw } = victim;

const IDS = [
  '..',
  '../..',
  '..%2f..%2fsecret_key',
  '%2e%2e',
  '%2e%2e%2f%2e%2e%2fsecret_key',
  '..%252f..%252fsecret_key',
  '..%5c..%5csecret_key',
  '%00',
  '12345678-1234-4678-9012-123456789012%00.mp4',
  '12345678-1234-4678-9012-12345678901%00',
  '12345678-1234-4678-9012-12345678901%EF%BC%92',
  '{12345678-1234-4678-9012-123456789012}',
  '1234567812344678901212345678901 2',
  `${'a'.repeat(3000)}`,
  '%E0%A4%A',
  '%c0%ae%c0%ae%2f',
  '..;',
  '*',
  '__proto__',
  'constructor',
  "12345678-1234-4678-9012-123456789012'--",
  '12345678-1234-4678-9012-123456789012:x',
  '%0d%0aSet-Cookie:%20a=b',
];

test('an id that is none is 400 or 404 on every route, and no path', async () => {
  const before = await stateOf(victim);
  const { body } = await call('/openapi.json', { token: null });
  const token = await victim.sign({ permissions: ['manage_quota', 'create_sessions', 'upload_files'] });
  const auth = `Authorization: Bearer ${token}\r\nConnection: close`;
  for (const [path, methods] of Object.entries(body.paths as Record<string, object>)) {
    if (!path.includes('{')) continue;
    for (const method of Object.keys(methods)) {
      for (const id of IDS) {
        const address = path.replace(/\{\w+\}/, id);
        const answer = await raw(
          `${method.toUpperCase()} ${address} HTTP/1.1\r\nHost: x\r\n${auth}\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n`,
        );
        const status = Number(answer.split(' ')[1]);
        // A blank ends the target, so what stands behind it is no HTTP version. Two dots may be another address.
        const fine = [400, 404, 405, 414, 415, 431].includes(status) || (id.includes('..') && status === 200);
        assert.ok(fine, `${method} ${address}: ${status}`);
        assert.doesNotMatch(answer, /^set-cookie/im);
        assert.ok(!answer.includes(victim.secret));
      }
    }
  }
  assert.deepEqual(await stateOf(victim), before);
});

test('names of files are data: shown as they came where they are text, refused where they are not', async () => {
  for (const filename of [
    '../../etc/passwd',
    'C:\\autoexec.bat',
    'a\u202eslip.mp4',
    '<img src=x onerror=alert(1)>',
    "'; DROP TABLE uploads; --",
    `$${'{jndi:ldap://x}'}`,
    '%s%n',
    '﷽'.repeat(255),
    '.',
    '-rf',
    'con',
  ]) {
    const session = await victim.session({ filename });
    const { body } = await call(`${P}/sessions/${session.id}`);
    assert.equal(body.filename, filename);
    await call(`${P}/sessions/${session.id}`, { method: 'DELETE' });
  }
  for (const filename of [
    'a\r\nSet-Cookie: x=1',
    'a\nb',
    'a\0.mp4',
    'a\x1b[2J',
    'a\x9b2J',
    'x'.repeat(5120),
    7,
    ['a'],
    { a: 1 },
  ]) {
    const { status, body } = await call(`${P}/initiate`, {
      json: { dashboard_context: { source_section: 'x', workflow_type: 'single_upload' }, filename },
    });
    assert.deepEqual([status, body.error_code], [400, 'INVALID_REQUEST'], JSON.stringify(filename));
    assert.ok(body.details.errors.some(({ path }: { path: string }) => path === '/filename'));
  }
});

test('tus metadata and disposition headers follow the same rules', async () => {
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  for (const name of ['a\r\nX: y', 'a\0', 'x'.repeat(5000)]) {
    const { status } = await call('/v1/uploads', {
      method: 'POST',
      headers: {
        'tus-resumable': '1.0.0',
        'upload-length': '10',
        'upload-metadata': `filename ${b64(name)}`,
      },
    });
    assert.equal(status, 400, JSON.stringify(name));
  }
  for (const name of ['a%0D%0AX%3A%20y', 'a%00']) {
    const { status } = await call('/v1/uploads', {
      method: 'POST',
      headers: {
        'upload-complete': '?0',
        'content-disposition': `attachment; filename*=UTF-8''${name}`,
      },
    });
    assert.equal(status, 400, name);
  }
  for (const metadata of [
    'filename !!!',
    'filename',
    'a b c d',
    ',',
    'filename YQ==,filename YQ==',
    `${'k'.repeat(9000)} YQ==`,
  ]) {
    const { status } = await call('/v1/uploads', {
      method: 'POST',
      headers: { 'tus-resumable': '1.0.0', 'upload-length': '10', 'upload-metadata': metadata },
    });
    assert.ok(status === 400 || status === 201, `${metadata}: ${status}`);
  }
});

test('forwarding headers of somebody who is no proxy change nothing', async () => {
  const headers = {
    'x-forwarded-for': '203.0.113.66',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '1',
    'x-real-ip': '203.0.113.66',
    forwarded: 'for=203.0.113.66;host=evil.example;proto=https',
    'x-original-url': '/v1/admin/users/x/quota',
    'x-rewrite-url': '/livez',
    'x-http-method-override': 'DELETE',
  };
  const {
    status,
    body,
    headers: told,
  } = await call(`${P}/initiate`, {
    json: {
      dashboard_context: { source_section: 'x', workflow_type: 'single_upload' },
      expected_file_size: 10,
    },
    headers,
  });
  assert.equal(status, 201);
  for (const url of [body.upload_url, body.upload_instructions.tus_endpoint, told.get('location')]) {
    assert.ok(String(url).startsWith(victim.service.url), url);
  }
  victim.keepSecret(new URL(body.upload_url).searchParams.get('token') ?? '');
  const evilHost = await raw(
    `POST /v1/uploads HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nAuthorization: Bearer ${await victim.sign()}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 10\r\n\r\n`,
  );
  assert.match(evilHost, /^HTTP\/1\.1 201/);
  assert.doesNotMatch(evilHost, /evil/);
  const token = /token=([\w-]+)/.exec(evilHost)?.[1];
  if (token) victim.keepSecret(token);
  await call(`${P}/quota`, { token: 'a.b.c', headers });
  assert.doesNotMatch(victim.service.output, /203\.0\.113\.66/, 'the audit names the peer, not its claims');
  assert.equal((await call(`/v1/admin/users/${randomUUID()}/quota`, { headers })).status, 403);
});
