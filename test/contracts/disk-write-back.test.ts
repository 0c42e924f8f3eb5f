import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import type { FsyncPolicy } from '../../src/stores/disk/writer.ts';

const PART = Buffer.alloc(8 << 20, 'sluice');
const BAD_SECTOR = Object.assign(new Error('a bad sector'), { code: 'EIO' });

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

/** A disk that says of one call that it has failed, and of all others that all is well, as Linux does. */
async function failOnce(t: TestContext, call = 0): Promise<void> {
  const datasync = t.mock.method(await fileHandlePrototype(tmpdir()), 'datasync');
  datasync.mock.mockImplementationOnce(() => Promise.reject(BAD_SECTOR), call);
}

type Store = Awaited<ReturnType<typeof openStore>>;

/** Sends so many parts in one request; gives what the writer tells once it is closed. */
async function send(
  store: Store,
  ref: { sessionId: string; storage: string | null },
  where: Parameters<Store['open']>[1],
  parts: number,
) {
  const writer = await store.open(ref, where);
  const opened = writer.progress().offset;
  let failed: unknown = null;
  try {
    for (let n = 0; n < parts; n += 1) await writer.write([PART]);
  } catch (fault) {
    failed = fault;
  }
  await writer.close().catch((fault) => {
    failed ??= fault;
  });
  return { ...writer.progress(), opened, failed };
}

async function assertFinishes(store: Store, ref: { sessionId: string; storage: string }, parts: number) {
  await store.finalize(ref, `${ref.sessionId}.mp4`);
  const chunks = await Array.fromAsync(store.read({ ...ref }, {}));
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(Array.from({ length: parts }, () => PART))));
}

for (const next of ['a part', 'the last part'] as const) {
  test(`disk: what the disk failed to take beside a request is missing when ${next} comes, and is sent again`, async (t) => {
    const store = await openStore(t, 'complete');
    const sessionId = randomUUID();
    const disk = Promise.withResolvers<void>();
    const datasync = t.mock.method(await fileHandlePrototype(tmpdir()), 'datasync');
    datasync.mock.mockImplementationOnce(() => disk.promise, 1);
    const first = await send(store, { sessionId, storage: null }, at(0), 3);
    const ref = { sessionId, storage: first.storage };
    await datasync.mock.calls[0]?.result;
    // Two parts are forced out by now. Two more are to be, and no request waits for that.
    const second = await send(store, ref, { ...at(3), epoch: 2 }, 2);
    assert.equal(second.offset, 5 * PART.length);
    assert.equal(datasync.mock.callCount(), 2);
    disk.reject(BAD_SECTOR);
    await new Promise(setImmediate);

    const length = next === 'the last part' ? 7 * PART.length : null;
    const third = await send(store, ref, { ...at(5), epoch: 3, length }, 0);
    assert.equal(third.opened, 2 * PART.length);
    const fourth = await send(store, ref, { ...at(2), epoch: 4, length }, 5);
    assert.deepEqual([fourth.offset, fourth.failed], [7 * PART.length, null]);
    await assertFinishes(store, ref, 7);
  });
}

for (const told of ['its next part', 'its end', 'its end, said first'] as const) {
  test(`disk: what fails while the next request writes already is told with ${told}, and counts for neither`, async (t) => {
    const store = await openStore(t, 'complete');
    const disk = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const datasync = t.mock.method(await fileHandlePrototype(tmpdir()), 'datasync');
    datasync.mock.mockImplementationOnce(() => disk.promise);
    const end = Promise.withResolvers<void>();
    datasync.mock.mockImplementationOnce(() => {
      asked.resolve();
      return end.promise;
    }, 1);
    const ref = { sessionId: randomUUID(), storage: null };
    const { storage } = await send(store, ref, at(0), 3);
    const length = 4 * PART.length;
    const second = await store.open({ ...ref, storage }, { ...at(3), epoch: 2, length });
    await second.write([PART]);
    assert.equal(second.progress().offset, length);

    const refusal = { code: 'STORAGE_UNAVAILABLE' };
    if (told !== 'its next part') {
      const refused = assert.rejects(second.close(), refusal);
      await asked.promise;
      // That it could not take the first part, the disk says after or before it says that it has all there is.
      const says = [() => end.resolve(), () => disk.reject(BAD_SECTOR)];
      for (const say of told === 'its end' ? says : says.reverse()) {
        say();
        await new Promise(setImmediate);
      }
      await refused;
    } else {
      end.resolve();
      disk.reject(BAD_SECTOR);
      await new Promise(setImmediate);
      await assert.rejects(second.write([PART]), refusal);
      await assert.rejects(second.close(), refusal);
    }
    assert.equal(second.progress().offset, 0);

    const third = await send(store, { ...ref, storage }, { ...at(0), epoch: 3, length }, 4);
    assert.deepEqual([third.offset, third.failed], [length, null]);
    await assertFinishes(store, { ...ref, storage }, 4);
  });
}

for (const fsync of ['complete', 'always'] as const) {
  test(`disk, fsync ${fsync}: an end that the disk failed to take does not count, whoever asks the disk once more`, async (t) => {
    const store = await openStore(t, fsync);
    const sessionId = randomUUID();
    await failOnce(t);
    const length = PART.length;
    const first = await send(store, { sessionId, storage: null }, { ...at(0), length }, 1);
    assert.equal(first.failed instanceof SluiceError && first.failed.code, 'STORAGE_UNAVAILABLE');
    assert.equal(first.offset, 0);
    const ref = { sessionId, storage: first.storage };
    const second = await send(store, ref, { ...at(0), epoch: 2, length }, 1);
    assert.deepEqual([second.offset, second.failed], [length, null]);
    await assertFinishes(store, ref, 1);
  });
}

test('disk: of what was forced out before a fault, the blocks count that were whole', async (t) => {
  const store = await openStore(t, 'always');
  const sessionId = randomUUID();
  await failOnce(t, 1);
  const first = await store.open({ sessionId, storage: null }, at(0));
  await first.write([PART.subarray(0, 100_000)]);
  await first.close();
  const { offset, storage } = first.progress();
  assert.equal(offset, 100_000);
  const second = await send(store, { sessionId, storage }, { ...at(0), offset, epoch: 2 }, 1);
  assert.equal(second.offset, 65_536);
});

test('disk: of what other processes wrote before a fault, nothing counts', async (t) => {
  const store = await openStore(t, 'always');
  const sessionId = randomUUID();
  await failOnce(t, 1);
  const first = await send(store, { sessionId, storage: null }, at(0), 1);
  assert.equal(first.offset, PART.length);
  const later = await send(store, { sessionId, storage: first.storage }, { ...at(1), epoch: 3 }, 1);
  assert.equal(later.offset, 0);
});

for (const when of ['beside the upload', 'at its end'] as const) {
  test(`disk: a file that the disk failed to take ${when} is never taken for finished`, async (t) => {
    const store = await openStore(t, 'complete');
    const sessionId = randomUUID();
    await failOnce(t);
    const parts = when === 'beside the upload' ? 3 : 1;
    const { storage } = await send(store, { sessionId, storage: null }, at(0), parts);
    const finalize = () => store.finalize({ sessionId, storage, epoch: 1 }, `${sessionId}.mp4`);
    for (const _ of ['once', 'once more']) {
      await assert.rejects(finalize, { code: 'STORAGE_UNAVAILABLE', bytesAreLost: true });
    }
  });
}
