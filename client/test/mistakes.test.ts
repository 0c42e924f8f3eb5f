/** What people give wrongly the first time is told in a sentence that says what to give. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient, openFile } from '../src/node.ts';
import { hasCode } from './helpers/has-code.ts';

const client = createClient({ baseUrl: 'http://127.0.0.1:1', retry: { attempts: 0 } });

test('an address that is missing or none is asked for, with an example', () => {
  const told = { name: 'TypeError', message: /baseUrl.*https:\/\/uploads\.example\.org/ };
  // @ts-expect-error: it is needed.
  assert.throws(() => createClient({ token: 'x' }), told);
  for (const baseUrl of ['', '127.0.0.1:8080', 'localhost:8080', '/uploads', 'ftp://x']) {
    assert.throws(() => createClient({ baseUrl }), told, baseUrl);
  }
  for (const baseUrl of ['http://127.0.0.1:8080', 'https://x.example/sluice/']) createClient({ baseUrl });
});

test('what is no file is not taken for one, and openFile is named', async () => {
  const told = { name: 'TypeError', message: /File or Blob.*openFile/ };
  // @ts-expect-error: a path is no file.
  assert.throws(() => client.upload('holiday.mp4'), told);
  // @ts-expect-error: nor is what an empty `<input>` has.
  assert.throws(() => client.upload(undefined), told);
  // @ts-expect-error: a path's letters are no files either.
  await assert.rejects(client.uploadAll('holiday.mp4'), told);
  // @ts-expect-error: several are a list.
  await assert.rejects(client.uploadAll(new File([], 'a.mp4')), told);
  // @ts-expect-error: of files.
  await assert.rejects(client.plan(['holiday.mp4']), told);
});

test('a file that cannot be opened says which, and why', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mistakes-'));
  t.after(() => rm(folder, { recursive: true }));
  const missing = join(folder, 'missing.mp4');
  await assert.rejects(openFile(missing), hasCode('FILE_UNREADABLE'));
  await assert.rejects(openFile(missing), { message: `Cannot read ${missing}: there is no such file.` });
  await assert.rejects(openFile(folder), { message: `Cannot read ${folder}: it is a folder.` });
});
