import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { globSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { P, stateOf, target } from './target.ts';

/** Names that want to be paths, files that want to be something else, and who can get at them. */

const victim = target();
const { call, raw } = victim;
const sample = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

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

test('no address serves a file of the service', async () => {
  const session = await victim.session({ expected_file_size: sample('sample.mp4').length });
  await call(`${session.path}?token=${session.token}`, {
    method: 'PUT',
    token: null,
    body: new Uint8Array(sample('sample.mp4')),
  });
  const roots = [
    '',
    '/docs',
    '/docs/static',
    '/assets',
    '/static',
    '/uploads',
    '/v1/uploads',
    '/data',
    '/app',
    '/upload',
  ];
  const names = [
    'package.json',
    'secret_key',
    'data/secret_key',
    'uploads',
    `uploads/${session.id}.mp4`,
    `${session.id}.mp4`,
    'src/main.ts',
    '.git/HEAD',
    '.env',
    'etc/passwd',
    'ledger.db',
  ];
  const climbs = [
    '',
    '../',
    '..%2f',
    '%2e%2e/',
    '..%5c',
    '....//',
    '../../../../../../',
    '..%2f..%2f..%2f..%2f..%2f',
    '%2e%2e%2f%2e%2e%2f%2e%2e%2f',
  ];
  const addresses = roots.flatMap((root) =>
    climbs.flatMap((climb) => names.map((name) => `${root}/${climb}${name}`)),
  );
  const pipelined = addresses.map((address) => `GET ${address} HTTP/1.1\r\nHost: x\r\n\r\n`);
  for (let at = 0; at < pipelined.length; at += 100) {
    const answer = await raw(
      `${pipelined.slice(at, at + 100).join('')}GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      20_000,
    );
    assert.doesNotMatch(answer, /"devDependencies"|root:x:0|refs\/heads|SQLite format|export async function/);
    assert.ok(!answer.includes(victim.secret) && !answer.includes('ftypisom'));
  }
});

test('links planted in the folders are not followed, neither by partial nor by finished files', async () => {
  const outside = join(victim.service.dataDir, 'outside.txt');
  writeFileSync(outside, 'this file belongs to somebody else');
  const { dataDir } = victim.service;
  for (const folder of ['uploads', 'temp_uploads']) mkdirSync(join(dataDir, folder), { recursive: true });
  const file = sample('sample.mp4');
  const session = await victim.session({ expected_file_size: file.length });
  for (let generation = 0; generation < 4; generation += 1) {
    symlinkSync(outside, join(dataDir, 'temp_uploads', `${session.id}.${generation}.part`));
  }
  for (const name of [session.id, `${session.id}.mp4`]) symlinkSync(outside, join(dataDir, 'uploads', name));

  const answer = await call(`${session.path}?token=${session.token}`, {
    method: 'PUT',
    token: null,
    body: new Uint8Array(file),
  });
  assert.equal(readFileSync(outside, 'utf8'), 'this file belongs to somebody else');
  assert.equal(answer.status, 201, answer.text);
  const stored = join(dataDir, 'uploads', `${session.id}.mp4`);
  assert.ok(lstatSync(stored).isFile(), 'the link gave way to the file');
  assert.ok(readFileSync(stored).equals(file));
});

test('files are 0600 and folders 0700, the secret too', async () => {
  const file = sample('sample.webm');
  const session = await victim.session({ expected_file_size: file.length });
  await call(`${session.path}?token=${session.token}`, {
    method: 'PUT',
    token: null,
    body: new Uint8Array(file),
  });
  const { dataDir } = victim.service;
  const found = globSync('{uploads,temp_uploads}/**', { cwd: dataDir }).map((name) => join(dataDir, name));
  assert.ok(found.some((path) => path.includes(session.id)));
  for (const path of found) {
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) continue;
    assert.equal(statSync(path).mode & 0o777, stats.isDirectory() ? 0o700 : 0o600, path);
  }
});

const POLYGLOTS: Readonly<Record<string, { file: Buffer; format: string }>> = {
  'HTML behind a video': {
    file: Buffer.concat([sample('sample.mp4'), Buffer.from('<html><script>alert(1)</script></html>')]),
    format: 'mp4',
  },
  'a zip behind a video': {
    file: Buffer.concat([
      sample('sample.webm'),
      Buffer.from('504b0304140000000000', 'hex'),
      Buffer.from('PK\x05\x06'),
    ]),
    format: 'webm',
  },
  'PHP in a box of a video': {
    file: Buffer.concat([
      sample('sample.mp4'),
      Buffer.from('00000020free', 'latin1'),
      Buffer.from('<?php system($_GET[0]); ?>'),
    ]),
    format: 'mp4',
  },
};

for (const [name, { file, format }] of Object.entries(POLYGLOTS)) {
  test(`${name} is stored as it is, and never served`, async () => {
    const session = await victim.session({ expected_file_size: file.length, filename: 'x.html' });
    const address = `${session.path}?token=${session.token}`;
    const put = await call(address, {
      method: 'PUT',
      token: null,
      body: new Uint8Array(file),
      headers: { 'content-type': 'text/html' },
    });
    assert.deepEqual([put.status, put.body.file_format], [201, format]);
    const read = await call(address, { token: null, headers: { accept: 'text/html', range: 'bytes=0-9' } });
    assert.equal(read.status, 200);
    assert.match(read.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(read.headers.get('x-content-type-options'), 'nosniff');
    const stored = globSync(`uploads/**/*${session.id}*`, { cwd: victim.service.dataDir });
    assert.deepEqual(
      stored,
      [`uploads/${session.id}.${format}`],
      'the name tells the format, not what the client called it',
    );
  });
}

test('what only calls itself a video is refused', async () => {
  for (const [head, name] of [
    ['<html><body>', 'a.mp4'],
    ['#!/bin/sh\nrm -rf /\n', 'b.webm'],
    ['MZ\x90\0', 'c.avi'],
    ['PK\x03\x04', 'd.mkv'],
    ['%PDF-1.7', 'e.mov'],
    ['\x7fELF', 'f.mp4'],
  ] as const) {
    const file = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.alloc(5000, 'x')]);
    const session = await victim.session({ expected_file_size: file.length, filename: name });
    const { status, body } = await call(`${session.path}?token=${session.token}`, {
      method: 'PUT',
      token: null,
      body: new Uint8Array(file),
    });
    assert.deepEqual([status, body.error_code], [415, 'UNSUPPORTED_FORMAT'], name);
    assert.deepEqual(globSync(`*uploads/**/*${session.id}*`, { cwd: victim.service.dataDir }), []);
  }
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
