import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { StoreInFile } from '../../src/core/ports.ts';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';

type Stored = Awaited<ReturnType<StoreInFile>>;

const BATCH = [Buffer.alloc(1000, 'a'), Buffer.alloc(500, 'b')];
const DONE: Stored = { written: 1500, fault: null };

/** A writer at offset 100, and somebody who stores for it, who is done with each batch when he is told to be. */
async function openWriter(t: TestContext, fsync: 'complete' | 'always' = 'complete') {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-disk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = createDiskBlobStore({
    uploadFolder: join(folder, 'a'),
    tempFolder: join(folder, 'b'),
    fsync,
  });
  const ref = { sessionId: randomUUID(), storage: null };
  const first = await store.open(ref, { offset: 0, length: null, epoch: 1, sole: true });
  await first.write([Buffer.alloc(100)]);
  await first.close();
  const { storage } = first.progress();
  const writer = await store.open({ ...ref, storage }, { offset: 100, length: null, epoch: 2, sole: true });
  const asked: { position: number; done: (stored: Stored) => void }[] = [];
  const storeInFile: StoreInFile = ({ position }) =>
    new Promise((resolve) => void asked.push({ position, done: resolve }));
  const { writeBy } = writer;
  assert.ok(writeBy);
  return { writer, asked, give: () => writeBy(storeInFile, BATCH) };
}

test('disk: one batch may still be on its way when the next one is given, and only what is stored counts', async (t) => {
  const { writer, asked, give } = await openWriter(t);
  await give();
  const second = give();
  assert.deepEqual(
    asked.map(({ position }) => position),
    [100, 1600],
  );
  assert.equal(writer.progress().offset, 100);
  asked[0]?.done(DONE);
  await second;
  assert.equal(writer.progress().offset, 1600);
  const closed = writer.close();
  asked[1]?.done(DONE);
  await closed;
  assert.equal(writer.progress().offset, 3100);
});

test('disk: behind what could not be stored nothing counts, and the fault is told', async (t) => {
  const { writer, asked, give } = await openWriter(t);
  await give();
  const second = give();
  const fault = Object.assign(new Error('no room'), { code: 'ENOSPC' });
  asked[0]?.done({ written: 700, fault });
  asked[1]?.done(DONE);
  await assert.rejects(second, { code: 'STORAGE_FULL' });
  await assert.rejects(writer.close(), { code: 'STORAGE_FULL' });
  assert.equal(writer.progress().offset, 800);
});

test('disk: a fault of the last batch is told when the writer is closed', async (t) => {
  const { writer, asked, give } = await openWriter(t);
  await give();
  const closed = writer.close();
  asked[0]?.done({ written: 0, fault: Object.assign(new Error('a bad sector'), { code: 'EIO' }) });
  await assert.rejects(closed, { code: 'STORAGE_UNAVAILABLE' });
  assert.equal(writer.progress().offset, 100);
});

test('disk: a batch that is written here goes behind those that are stored elsewhere', async (t) => {
  const { writer, asked, give } = await openWriter(t);
  await give();
  const written = writer.write([Buffer.alloc(10)]);
  asked[0]?.done(DONE);
  await written;
  assert.equal(writer.progress().offset, 1610);
  await give();
  assert.equal(asked[1]?.position, 1610);
  asked[1]?.done(DONE);
  await writer.close();
});

test('disk: where bytes are forced out before they count, a batch is stored before it is answered', async (t) => {
  const { writer, asked, give } = await openWriter(t, 'always');
  let isAnswered = false;
  const given = give().then(() => {
    isAnswered = true;
  });
  await new Promise(setImmediate);
  assert.equal(isAnswered, false);
  asked[0]?.done(DONE);
  await given;
  await writer.close();
  assert.equal(writer.progress().offset, 1600);
});
