import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import type { FsyncPolicy } from '../../src/stores/disk/writer.ts';

const PART = Buffer.alloc(8 << 20, 'sluice');

/** A store in a folder of its own. */
async function openStore(t: TestContext, fsync: FsyncPolicy) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-disk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [uploadFolder, tempFolder] = [join(folder, 'uploads'), join(folder, 'temp')];
  return createDiskBlobStore({ uploadFolder, tempFolder, fsync });
}

/** Sends an upload part by part, each in a request of its own; gives how often the disk was asked to have it by then. */
async function sendParts(t: TestContext, fsync: FsyncPolicy, count: number, known: 'length' | null = null) {
  const store = await openStore(t, fsync);
  const datasync = t.mock.method(await fileHandlePrototype(tmpdir()), 'datasync');
  const sessionId = randomUUID();
  const asked: number[] = [];
  let storage: string | null = null;
  for (let n = 0; n < count; n += 1) {
    const length = known && count * PART.length;
    const writer = await store.open({ sessionId, storage }, { ...at(n), length });
    await writer.write([PART]);
    await writer.close();
    ({ storage } = writer.progress());
    asked.push(datasync.mock.callCount());
    // So that the next one does not find it still under way.
    await Promise.all(datasync.mock.calls.map(({ result }) => result));
  }
  return { store, ref: { sessionId, storage, epoch: count }, asked, datasync };
}

/** Where part `n` begins, and who writes it. */
function at(n: number) {
  return { offset: n * PART.length, length: null, epoch: n + 1, sole: true };
}

/** What all open files have in common: it is real ones that are watched. */
async function fileHandlePrototype(folder: string): Promise<FileHandle> {
  const file = await open(folder);
  await file.close();
  return Object.getPrototypeOf(file);
}

test('disk: an upload in small parts is on its way to the disk beside them, not all of it at its end', async (t) => {
  assert.deepEqual((await sendParts(t, 'complete', 6)).asked, [0, 0, 1, 1, 2, 2]);
});

test('disk: where nothing is to be forced out, nothing is', async (t) => {
  assert.deepEqual((await sendParts(t, 'never', 4)).asked, [0, 0, 0, 0]);
});

test('disk: what is whole is forced out while it is still open, and not once more under its final name', async (t) => {
  const { store, ref, asked, datasync } = await sendParts(t, 'complete', 2, 'length');
  assert.deepEqual(asked, [0, 1]);
  await store.finalize(ref, `${ref.sessionId}.mp4`);
  assert.equal(datasync.mock.callCount(), 1);
});

test('disk: what another process may have written since is forced out, whatever is known of what was before', async (t) => {
  for (const epoch of [3, undefined]) {
    const { store, ref, datasync } = await sendParts(t, 'complete', 2, 'length');
    const { sessionId, storage } = ref;
    await store.finalize({ sessionId, storage, ...(epoch && { epoch }) }, `${sessionId}.mp4`);
    assert.equal(datasync.mock.callCount(), 2);
    datasync.mock.restore();
  }
});

test('disk: no request waits for what is forced out beside it', async (t) => {
  const store = await openStore(t, 'complete');
  const disk = Promise.withResolvers<void>();
  const datasync = t.mock.method(await fileHandlePrototype(tmpdir()), 'datasync', () => disk.promise);
  const sessionId = randomUUID();
  const writer = await store.open({ sessionId, storage: null }, at(0));
  await writer.write([PART, PART]);
  await writer.write([PART]);
  assert.equal(datasync.mock.callCount(), 1);
  await writer.close();
  disk.resolve();
});

test('disk: a disk that fails beside a request fails the next one, since the system tells of that once', async (t) => {
  const fault = Object.assign(new Error('a bad sector'), { code: 'EIO' });
  for (const next of ['a part', 'the last part', 'the end'] as const) {
    const store = await openStore(t, 'complete');
    const datasync = t.mock.method(await fileHandlePrototype(tmpdir()), 'datasync', () =>
      Promise.reject(fault),
    );
    const sessionId = randomUUID();
    const first = await store.open({ sessionId, storage: null }, at(0));
    await first.write([PART, PART]);
    await first.write([PART]);
    await first.close();
    const { storage } = first.progress();
    assert.equal(datasync.mock.callCount(), 1);
    datasync.mock.restore();

    const failing = async () => {
      if (next === 'the end') return store.finalize({ sessionId, storage }, `${sessionId}.mp4`);
      const length = next === 'the last part' ? 3 * PART.length : null;
      const second = await store.open({ sessionId, storage }, { ...at(3), length });
      if (next === 'a part') await second.write([PART]).finally(() => second.close());
      else await second.close();
    };
    await assert.rejects(failing, { code: 'STORAGE_UNAVAILABLE' });
  }
});
