import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
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
