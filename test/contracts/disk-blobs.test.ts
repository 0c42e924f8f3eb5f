import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import { moveFile } from '../../src/stores/disk/files.ts';
import type { FsyncPolicy } from '../../src/stores/disk/writer.ts';
import { blobStoreContract } from './blob-store/suite.ts';

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-disk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openDisk(t: TestContext, fsync: FsyncPolicy = 'complete') {
  const folder = await temporaryFolder(t);
  const uploadFolder = join(folder, 'uploads');
  const tempFolder = join(folder, 'temp');
  const store = createDiskBlobStore({ uploadFolder, tempFolder, fsync });
  return { store, uploadFolder, tempFolder };
}

const START = { offset: 0, length: null, epoch: 1, sole: true };

for (const fsync of ['always', 'complete', 'never'] as const) {
  blobStoreContract(`disk, fsync ${fsync}`, async (t) => (await openDisk(t, fsync)).store);
}

test('disk: partial files and folders are for the service alone', async (t) => {
  const { store, tempFolder, uploadFolder } = await openDisk(t);
  const sessionId = randomUUID();
  await (await store.open({ sessionId, storage: null }, START)).close();
  assert.equal((await stat(join(tempFolder, `${sessionId}.1.part`))).mode & 0o777, 0o600);
  assert.equal((await stat(tempFolder)).mode & 0o777, 0o700);
  assert.equal((await stat(uploadFolder)).mode & 0o777, 0o700);
});

for (const sessionId of ['../../etc/passwd', '', 'x', `${randomUUID()}/../x`, randomUUID().toUpperCase()]) {
  test(`disk: ${JSON.stringify(sessionId)} is no session id and never becomes a path`, async (t) => {
    const { store, tempFolder } = await openDisk(t);
    const ref = { sessionId, storage: null };
    await assert.rejects(store.open(ref, START), { code: 'INTERNAL_ERROR' });
    await assert.rejects(store.discard(ref, null), { code: 'INTERNAL_ERROR' });
    assert.throws(() => store.storageKey(ref, 0, 'mp4'), { code: 'INTERNAL_ERROR' });
    await assert.rejects(store.finalize(ref, `${sessionId}.mp4`), { code: 'INTERNAL_ERROR' });
    assert.deepEqual(await readdir(tempFolder), []);
  });
}

test('disk: a symbolic link in the place of a partial file is not followed', async (t) => {
  const { store, tempFolder } = await openDisk(t);
  const sessionId = randomUUID();
  const writer = await store.open({ sessionId, storage: null }, START);
  await writer.close();
  const { storage } = writer.progress();
  const victim = join(tempFolder, 'victim');
  await writeFile(victim, 'precious');
  const partial = join(tempFolder, `${sessionId}.1.part`);
  await rm(partial);
  await symlink(victim, partial);
  await assert.rejects(store.open({ sessionId, storage }, { ...START, epoch: 2 }), {
    code: 'STORAGE_UNAVAILABLE',
  });
  assert.equal(await readFile(victim, 'utf8'), 'precious');
});

test('disk: a file shorter than what was acknowledged (a power cut) opens at what is there', async (t) => {
  const { store, tempFolder } = await openDisk(t);
  const sessionId = randomUUID();
  const writer = await store.open({ sessionId, storage: null }, START);
  await writer.write([randomBytes(1000)]);
  await writer.close();
  await truncate(join(tempFolder, `${sessionId}.1.part`), 300);
  for (const sole of [true, false]) {
    const { storage } = writer.progress();
    const later = await store.open({ sessionId, storage }, { offset: 1000, length: null, epoch: 2, sole });
    assert.equal(later.progress().offset, 300);
    await later.close();
  }
});

test('disk: a writer cut off between copying the bytes and telling where they are loses none', async (t) => {
  const { store, tempFolder } = await openDisk(t);
  const sessionId = randomUUID();
  const bytes = randomBytes(100_000);
  const first = await store.open({ sessionId, storage: null }, START);
  await first.write([Buffer.from(bytes)]);
  await first.close();
  const { storage } = first.progress();
  const at = { offset: bytes.length, length: null, sole: false };
  // This one is killed before the session store hears of its generation.
  await (await store.open({ sessionId, storage }, { ...at, epoch: 2 })).close();

  const third = await store.open({ sessionId, storage }, { ...at, epoch: 3 });
  assert.equal(third.progress().offset, bytes.length);
  await third.close();
  const ref = { sessionId, storage: third.progress().storage };
  await store.finalize(ref, `${sessionId}.mp4`);
  assert.deepEqual(await readdir(tempFolder), []);
});

test('disk: of writers that open at once, each finds the bytes, though newer ones take the file away', async (t) => {
  const { store } = await openDisk(t, 'never');
  const sessionId = randomUUID();
  const bytes = randomBytes(100_000);
  const first = await store.open({ sessionId, storage: null }, START);
  await first.write([Buffer.from(bytes)]);
  await first.close();
  const ref = { sessionId, storage: first.progress().storage };

  let epoch = 1;
  const offsets = new Set<number>();
  async function writeOn(): Promise<void> {
    while (epoch < 200) {
      epoch += 1;
      const at = { offset: bytes.length, length: null, epoch, sole: false };
      const writer = await store.open(ref, at);
      await writer.close();
      offsets.add(writer.progress().offset);
    }
  }
  async function readOn(): Promise<void> {
    while (epoch < 200) assert.ok(Buffer.concat(await Array.fromAsync(store.read(ref, {}))).equals(bytes));
  }
  await Promise.all([writeOn(), writeOn(), writeOn(), writeOn(), readOn(), readOn()]);
  assert.deepEqual([...offsets], [bytes.length]);
});

test('disk: discarding removes every generation', async (t) => {
  const { store, tempFolder } = await openDisk(t);
  const sessionId = randomUUID();
  for (const epoch of [1, 2, 3])
    await (await store.open({ sessionId, storage: null }, { ...START, epoch })).close();
  assert.equal((await readdir(tempFolder)).length, 3);
  await store.discard({ sessionId, storage: null }, null);
  assert.deepEqual(await readdir(tempFolder), []);
});

test('disk: finishing moves the file to <session_id>.<format>, and leaves no partial file', async (t) => {
  const { store, tempFolder, uploadFolder } = await openDisk(t);
  const sessionId = randomUUID();
  const writer = await store.open({ sessionId, storage: null }, START);
  await writer.write([Buffer.from('content')]);
  await writer.close();
  const ref = { sessionId, storage: writer.progress().storage };
  await store.finalize(ref, store.storageKey(ref, 0, 'webm'));
  assert.equal(await readFile(join(uploadFolder, `${sessionId}.webm`), 'utf8'), 'content');
  assert.deepEqual(await readdir(tempFolder), []);
});

test('disk: moving to another file system copies next to the place first, then renames', async (t) => {
  const folder = await temporaryFolder(t);
  const bytes = randomBytes(3_000_001);
  const from = join(folder, 'from');
  const to = join(folder, 'to');
  const staged = join(folder, 'staged');
  await writeFile(from, bytes);
  const renamed: string[] = [];
  await moveFile(from, to, {
    sync: true,
    staging: async () => staged,
    async rename(source, target) {
      renamed.push(String(source));
      if (source === from) throw Object.assign(new Error('cross-device link'), { code: 'EXDEV' });
      await rename(source, target);
    },
  });
  assert.deepEqual(renamed, [from, staged]);
  assert.ok((await readFile(to)).equals(bytes));
  assert.deepEqual(await readdir(folder), ['to']);
});

for (const what of ['cannot be read', 'cannot be put in its place'] as const) {
  test(`disk: a file that ${what} on another file system leaves no copy there`, async (t) => {
    const folder = await temporaryFolder(t);
    const paths = { from: join(folder, 'from'), to: join(folder, 'to'), staged: join(folder, 'staged') };
    // A folder can be opened and not read, as a file on a disk that fails; nor does a file take its place.
    await mkdir(what === 'cannot be read' ? paths.from : paths.to);
    if (what !== 'cannot be read') await writeFile(paths.from, randomBytes(1000));
    const before = (await readdir(folder)).sort();
    const moved = moveFile(paths.from, paths.to, {
      sync: true,
      staging: async () => paths.staged,
      async rename(source, target) {
        if (source === paths.from) throw Object.assign(new Error('cross-device link'), { code: 'EXDEV' });
        await rename(source, target);
      },
    });
    await assert.rejects(moved, { code: 'EISDIR' });
    assert.deepEqual((await readdir(folder)).sort(), before);
  });
}

test('disk: with fsync always, nothing counts as stored before it is on the disk', async (t) => {
  const { store } = await openDisk(t, 'always');
  const writer = await store.open({ sessionId: randomUUID(), storage: null }, START);
  await writer.write([randomBytes(1000)]);
  assert.equal(writer.progress().offset, 0);
  await writer.write([randomBytes(9 << 20)]);
  assert.equal(writer.progress().offset, 1000 + (9 << 20));
  await writer.write([randomBytes(5)]);
  await writer.close();
  assert.equal(writer.progress().offset, 1005 + (9 << 20));
});

test('disk: a full disk is STORAGE_FULL, and the offset stays true', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(folder, { recursive: true });
  const script = new URL('./blob-store/fill-disk.ts', import.meta.url).pathname;
  // A limit on file size fails writes as a full disk does, for any user; 2048 blocks of 512 bytes (dash) or 1 KiB.
  const command = `trap '' XFSZ; ulimit -f 2048; exec "$0" "$1" "$2"`;
  const child = spawn('sh', ['-c', command, process.execPath, script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  const seen = JSON.parse(output) as {
    code: string;
    offset: number;
    size: number;
    taken: number;
  };
  assert.equal(seen.code, 'STORAGE_FULL');
  assert.ok(seen.offset >= 1 << 20);
  assert.ok(seen.taken <= seen.offset, 'a write that resolved has stored all of its bytes');
  assert.equal(seen.offset, seen.size);
});

test('disk: a folder that cannot be made is told by the probe and by opening', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  const store = createDiskBlobStore({
    uploadFolder: join(folder, 'uploads'),
    tempFolder: join(folder, 'file', 'temp'),
    fsync: 'complete',
  });
  await assert.rejects(store.check(), { code: 'STORAGE_UNAVAILABLE' });
  await assert.rejects(store.open({ sessionId: randomUUID(), storage: null }, START), {
    code: 'STORAGE_UNAVAILABLE',
  });
  const healthy = await openDisk(t);
  await healthy.store.check();
});
