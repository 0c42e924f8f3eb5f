import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sweep } from '../../src/cli/sweep.ts';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import { createClient } from '../e2e/client.ts';
import { folderFor, serviceFor } from '../e2e/service.ts';

const HOUR_MS = 3_600_000;
const START = { offset: 0, length: null, epoch: 1, sole: true };

async function openDisk(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-abandoned-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [uploadFolder, tempFolder] = [join(folder, 'uploads'), join(folder, 'temp')];
  const open = () => createDiskBlobStore({ uploadFolder, tempFolder, fsync: 'never' });
  return { store: open(), beside: open(), uploadFolder, tempFolder };
}

/** A partial file last written so many hours ago. Gives its session. */
async function leaveBehind(store: ReturnType<typeof createDiskBlobStore>, tempFolder: string, hours: number) {
  const sessionId = randomUUID();
  const writer = await store.open({ sessionId, storage: null }, START);
  await writer.write([Buffer.from('some bytes')]);
  await writer.close();
  await age(join(tempFolder, `${sessionId}.1.part`), hours);
  return sessionId;
}

async function age(path: string, hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * HOUR_MS);
  await utimes(path, then, then);
}

test('disk: only what is old, is ours, and is of no session that is known, is removed', async (t) => {
  const { store, tempFolder, uploadFolder } = await openDisk(t);
  const dead = await leaveBehind(store, tempFolder, 30);
  const live = await leaveBehind(store, tempFolder, 30);
  const young = await leaveBehind(store, tempFolder, 1);
  const finished = `${randomUUID()}.mp4`;
  const foreign = ['notes.txt', `${randomUUID()}.part`, `${dead.toUpperCase()}.1.part`, 'x.1.part'];
  const staging = join(uploadFolder, '.incoming');
  await mkdir(staging);
  await mkdir(join(tempFolder, `${randomUUID()}.1.part`));
  const copy = join(staging, `${randomUUID()}.0123456789ab`);
  for (const path of [join(uploadFolder, finished), ...foreign.map((name) => join(tempFolder, name)), copy]) {
    await writeFile(path, 'x');
    await age(path, 30);
  }
  await symlink(join(uploadFolder, finished), join(tempFolder, `${randomUUID()}.2.part`));
  const asked: string[] = [];
  const isLive = async (sessionId: string) => {
    asked.push(sessionId);
    return sessionId === live;
  };

  const before = new Set(await readdir(tempFolder));
  assert.deepEqual(await store.sweepAbandoned({ olderThanMs: 25 * HOUR_MS, isLive }), {
    removed: 2,
    unfinished: 4,
  });
  assert.ok(!asked.includes(young), 'what is young is nobody asked about');
  assert.deepEqual(before.difference(new Set(await readdir(tempFolder))), new Set([`${dead}.1.part`]));
  assert.deepEqual((await readdir(uploadFolder)).sort(), ['.incoming', finished].sort());
  assert.deepEqual(await readdir(staging), []);
});

test('disk: instances that share the folder may look at once; where sessions cannot be asked, nothing is removed', async (t) => {
  const { store, beside, tempFolder } = await openDisk(t);
  const away = new Error('away');
  for (let n = 0; n < 20; n += 1) await leaveBehind(store, tempFolder, 30);
  const asking = store.sweepAbandoned({ olderThanMs: HOUR_MS, isLive: () => Promise.reject(away) });
  await assert.rejects(asking, away);
  const stopped = { olderThanMs: HOUR_MS, isLive: async () => false, signal: AbortSignal.abort() };
  assert.equal((await store.sweepAbandoned(stopped)).removed, 0);
  assert.equal((await readdir(tempFolder)).length, 20);

  const options = { olderThanMs: HOUR_MS, isLive: async () => false };
  await Promise.all([store, beside, store, beside].map((one) => one.sweepAbandoned(options)));
  assert.deepEqual(await readdir(tempFolder), []);
});

test('sluice sweep removes the bytes of sessions that were lost, beside a running upload as old as they are', async (t) => {
  const dataDir = await folderFor(t);
  const service = await serviceFor(t, { dataDir });
  const client = createClient(service, randomUUID());
  const session = await client.session(1000);
  await fetch(session.url, {
    method: 'PATCH',
    headers: {
      'tus-resumable': '1.0.0',
      'upload-offset': '0',
      'content-type': 'application/offset+octet-stream',
    },
    body: Buffer.alloc(100, 'a'),
  });
  const tempFolder = join(dataDir, 'temp_uploads');
  const lost = randomUUID();
  await writeFile(join(tempFolder, `${lost}.1.part`), 'x');
  const files = await readdir(tempFolder);
  assert.equal(files.length, 2);
  for (const name of files) await age(join(tempFolder, name), 30);

  t.mock.method(process.stdout, 'write', () => true);
  t.mock.property(process, 'env', { ...process.env, DATA_DIR: dataDir });
  assert.equal(await sweep.run(['--json']), 0);
  const left = await readdir(tempFolder);
  assert.deepEqual(
    left,
    files.filter((name) => !name.startsWith(lost)),
  );
});
