import assert from 'node:assert/strict';
import {
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { startServiceProcess } from '../../scripts/lib/service-process.ts';
import { target } from './target.ts';

/** Files that want to be something else, links in the way, and who can get at what is stored. */

const victim = target();
const { call, raw } = victim;
const sample = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

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

test('a data folder that the service makes is open to nobody else, nor are its databases and its secret', async (t) => {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'sluice-made-')), 'data');
  t.after(() => rmSync(dirname(dataDir), { recursive: true, force: true }));
  const service = await startServiceProcess({ env: { DATA_DIR: dataDir, SECRET_KEY: '' } });
  t.after(() => service.stop());
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  const kept = globSync('*', { cwd: dataDir }).filter((name) => name !== 'instance.lock');
  assert.ok(kept.includes('secret_key') && kept.includes('ledger.db'), kept.join());
  for (const name of kept) {
    const stats = statSync(join(dataDir, name));
    assert.equal(stats.mode & 0o777, stats.isDirectory() ? 0o700 : 0o600, name);
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
