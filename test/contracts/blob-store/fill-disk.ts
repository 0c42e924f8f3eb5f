import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../../src/core/errors.ts';
import { createDiskBlobStore } from '../../../src/stores/disk/blobs.ts';

/** Writes until the disk takes no more, and tells what the store said of it. Run with a limit on file size. */
const [folder = ''] = process.argv.slice(2);
const store = createDiskBlobStore({ uploadFolder: folder, tempFolder: folder, fsync: 'complete' });
const sessionId = randomUUID();
const writer = await store.open(
  { sessionId, storage: null },
  { offset: 0, length: null, epoch: 1, sole: true },
);
let code = '';
let taken = 0;
while (code === '') {
  try {
    await writer.write([Buffer.alloc(300_000, 1), Buffer.alloc(100_000, 2)]);
    taken += 400_000;
  } catch (fault) {
    code = fault instanceof SluiceError ? fault.code : String(fault);
  }
}
await writer.close();
const { size } = await stat(join(folder, `${sessionId}.1.part`));
process.stdout.write(JSON.stringify({ code, offset: writer.progress().offset, size, taken }));
