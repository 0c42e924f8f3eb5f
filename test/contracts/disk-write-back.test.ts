import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import type { FsyncPolicy } from '../../src/stores/disk/writer.ts';

const PART = Buffer.alloc(8 << 20, 'sluice');

/** Sends an upload part by part, each in a request of its own; gives how often the disk was asked to have it by then. */
async function sendParts(t: TestContext, fsync: FsyncPolicy, count: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-disk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [uploadFolder, tempFolder] = [join(folder, 'uploads'), join(folder, 'temp')];
  const store = createDiskBlobStore({ uploadFolder, tempFolder, fsync });
  const datasync = t.mock.method(await fileHandlePrototype(folder), 'datasync');
  const sessionId = randomUUID();
  const asked: number[] = [];
  let storage: string | null = null;
  for (let n = 0; n < count; n += 1) {
    const at = { offset: n * PART.length, length: null, epoch: n + 1, sole: true };
    const writer = await store.open({ sessionId, storage }, at);
    await writer.write([PART]);
    await writer.close();
    ({ storage } = writer.progress());
    asked.push(datasync.mock.callCount());
  }
  return asked;
}

/** What all open files have in common: it is real ones that are watched. */
async function fileHandlePrototype(folder: string): Promise<FileHandle> {
  const file = await open(folder);
  await file.close();
  return Object.getPrototypeOf(file);
}

test('disk: an upload in small parts is on its way to the disk beside them, not all of it at its end', async (t) => {
  assert.deepEqual(await sendParts(t, 'complete', 6), [0, 0, 1, 1, 2, 2]);
});

test('disk: where nothing is to be forced out, nothing is', async (t) => {
  assert.deepEqual(await sendParts(t, 'never', 4), [0, 0, 0, 0]);
});

test('disk: a disk that fails beside a request fails it, since the operating system tells of that once', async (t) => {
  const prototype = await fileHandlePrototype(tmpdir());
  const fault = Object.assign(new Error('a bad sector'), { code: 'EIO' });
  t.mock.method(prototype, 'datasync', () => Promise.reject(fault));
  await assert.rejects(sendParts(t, 'complete', 3), { code: 'STORAGE_UNAVAILABLE' });
});
