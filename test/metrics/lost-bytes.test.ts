import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createInstruments } from '../../src/metrics/instruments.ts';
import { observeBlobs } from '../../src/metrics/observe-stores.ts';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';

test('bytes that verification does not find are counted, whether some are gone or all', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-lost-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const tempFolder = join(folder, 'temp');
  const instruments = createInstruments();
  const blobs = observeBlobs(
    createDiskBlobStore({ uploadFolder: join(folder, 'uploads'), tempFolder, fsync: 'never' }),
    instruments,
  );
  const lost = () => {
    const reports = instruments.report();
    return reports.find(({ name }) => name === 'upload_lost_acknowledged_bytes_total')?.values[0]?.value;
  };

  const sessionId = randomUUID();
  const at = { offset: 0, length: 1000, epoch: 1, sole: true };
  const writer = await blobs.open({ sessionId, storage: null }, at);
  await writer.write([Buffer.alloc(1000, 7)]);
  await writer.close();
  const ref = { sessionId, storage: writer.progress().storage };
  const read = async () => Buffer.concat(await Array.fromAsync(blobs.read(ref, { length: 1000 }))).length;
  assert.equal(await read(), 1000);
  assert.equal(lost(), 0);

  const [name = ''] = (await readdir(tempFolder)).filter((entry) => entry.includes(sessionId));
  await truncate(join(tempFolder, name), 400);
  assert.equal(await read(), 400);
  assert.equal(lost(), 600);

  await rm(join(tempFolder, name));
  await assert.rejects(read(), { code: 'STORAGE_UNAVAILABLE' });
  assert.equal(lost(), 1600);
});

test('acknowledged bytes that the disk turns out not to have at the end are counted, others are not', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-lost-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const instruments = createInstruments();
  const disk = { uploadFolder: join(folder, 'uploads'), tempFolder: join(folder, 'temp') };
  const blobs = observeBlobs(createDiskBlobStore({ ...disk, fsync: 'complete' }), instruments);
  const opened = await open(folder);
  await opened.close();
  const datasync = t.mock.method(Object.getPrototypeOf(opened) as FileHandle, 'datasync');
  datasync.mock.mockImplementation(() => Promise.reject(new Error('a bad sector')));

  const at = { offset: 0, length: 1000, epoch: 1, sole: true };
  const writer = await blobs.open({ sessionId: randomUUID(), storage: null }, at);
  await writer.write([Buffer.alloc(700, 7)]);
  writer.committed?.(writer.progress().storage);
  await writer.write([Buffer.alloc(300, 7)]);
  assert.equal(writer.progress().offset, 1000);
  await assert.rejects(writer.close(), { code: 'STORAGE_UNAVAILABLE' });
  assert.equal(writer.progress().offset, 0);
  const reports = instruments.report();
  const lost = reports.find(({ name }) => name === 'upload_lost_acknowledged_bytes_total');
  assert.equal(lost?.values[0]?.value, 700);
});
