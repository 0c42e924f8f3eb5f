import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import type { BlobRef, BlobStore, BlobWriter } from '../../src/core/ports.ts';
import { connectS3 } from '../../src/stores/s3/connect.ts';
import { parseState } from '../../src/stores/s3/upload-state.ts';
import { until } from '../e2e/until.ts';
import { createAcknowledgedStore, createTestBucket, type TestBucket, testS3 } from '../helpers/s3.ts';
import { type Mischief, startS3Proxy } from '../helpers/s3-proxy.ts';

/** Writers that come back after somebody else took the upload over, as a process that was paused does. */

const PART = 5 << 20;

let bucket: TestBucket;
let blobs: BlobStore;
before(async () => {
  bucket = await createTestBucket();
  ({ blobs } = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART }));
});
after(() => bucket.remove());

async function contentOf(ref: BlobRef): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.read(ref, {})) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function assertFinished(ref: BlobRef, bytes: Buffer): Promise<void> {
  await blobs.finalize(ref, '');
  assert.ok((await contentOf(ref)).equals(bytes), 'the file is what the newest writer sent');
  const { objects, uploads } = await bucket.contents();
  assert.deepEqual(
    [...objects, ...uploads].filter((name) => name.includes(ref.sessionId)),
    [parseState(ref.storage ?? '').key],
  );
}

/** Everything that is left to do of a writer, told or not: it must not reach the new one's bytes. */
async function haunt(late: BlobWriter, bytes: Buffer): Promise<void> {
  try {
    await late.write([bytes]);
  } finally {
    await late.close();
  }
}

for (const when of ['before', 'after'] as const) {
  test(`a late writer that stores ${when} its successor does not reach the successor's bytes`, async () => {
    const sessionId = randomUUID();
    const bytes = randomBytes(3 * PART + 100);
    const length = bytes.length;
    const first = await blobs.open({ sessionId, storage: null }, { offset: 0, length, epoch: 1, sole: true });
    await first.write([bytes.subarray(0, PART + 500)]);
    await first.close();
    const { storage, offset } = first.progress();

    const late = await blobs.open({ sessionId, storage }, { offset, length, epoch: 2, sole: true });
    const wrong = randomBytes(length - offset);
    const newest = await blobs.open({ sessionId, storage }, { offset, length, epoch: 3, sole: false });
    if (when === 'before') await haunt(late, wrong);
    await newest.write([bytes.subarray(offset)]);
    await newest.close();
    if (when === 'after') await haunt(late, wrong);
    await assertFinished({ sessionId, storage: newest.progress().storage }, bytes);
  });
}

test('a late writer of the very first bytes has an upload of its own', async () => {
  const sessionId = randomUUID();
  const bytes = randomBytes(PART + 100);
  const at = { offset: 0, length: bytes.length, sole: false };
  const late = await blobs.open({ sessionId, storage: null }, { ...at, epoch: 1 });
  const newest = await blobs.open({ sessionId, storage: null }, { ...at, epoch: 2 });
  await Promise.all([haunt(late, randomBytes(bytes.length)), newest.write([bytes])]);
  await newest.close();
  await assertFinished({ sessionId, storage: newest.progress().storage }, bytes);
});

test('a late tail does not replace the tail of its successor', async () => {
  const sessionId = randomUUID();
  const bytes = randomBytes(3000);
  const at = { length: null, maxLength: 10 * PART };
  const first = await blobs.open({ sessionId, storage: null }, { ...at, offset: 0, epoch: 1, sole: true });
  await first.write([bytes.subarray(0, 1000)]);
  await first.close();
  const { storage } = first.progress();
  const late = await blobs.open({ sessionId, storage }, { ...at, offset: 1000, epoch: 2, sole: true });
  const newest = await blobs.open({ sessionId, storage }, { ...at, offset: 1000, epoch: 3, sole: false });
  await newest.write([bytes.subarray(1000)]);
  await newest.close();
  const told = newest.progress().storage;
  // It may find the tail it began from gone already.
  await haunt(late, randomBytes(2000)).catch((fault) => assert.equal(fault.code, 'STORAGE_UNAVAILABLE'));
  await assertFinished({ sessionId, storage: told }, bytes);
});

for (const bytesOfLate of [3000, 2 * PART + 3000]) {
  test(`a writer that begins after the file is finished leaves nothing of its ${bytesOfLate} bytes`, async () => {
    const sessionId = randomUUID();
    const bytes = randomBytes(2000);
    const at = { offset: 0, length: null, maxLength: 10 * PART, sole: false };
    const writer = await blobs.open({ sessionId, storage: null }, { ...at, epoch: 2 });
    await writer.write([Buffer.from(bytes)]);
    await writer.close();
    const ref = { sessionId, storage: writer.progress().storage };
    await blobs.finalize(ref, '');

    const late = await blobs.open({ sessionId, storage: null }, { ...at, epoch: 1 });
    await haunt(late, randomBytes(bytesOfLate));
    await blobs.discardOvertaken({ sessionId, storage: late.progress().storage }, ref, '');
    await assertFinished(ref, bytes);
  });
}

test('what a late writer shares with the newest one stays, though it is told to go', async () => {
  const sessionId = randomUUID();
  const bytes = randomBytes(2 * PART + 100);
  const at = { length: bytes.length, maxLength: 10 * PART };
  const first = await blobs.open({ sessionId, storage: null }, { ...at, offset: 0, epoch: 1, sole: true });
  await first.write([bytes.subarray(0, PART + 500)]);
  await first.close();
  const { storage, offset } = first.progress();
  const late = await blobs.open({ sessionId, storage }, { ...at, offset, epoch: 2, sole: true });
  const { storage: shared } = late.progress();
  const newest = await blobs.open({ sessionId, storage }, { ...at, offset, epoch: 3, sole: false });
  await newest.write([bytes.subarray(offset)]);
  await newest.close();
  const ref = { sessionId, storage: newest.progress().storage };
  await blobs.discardOvertaken({ sessionId, storage: shared }, ref, '');
  await late.close();
  await assertFinished(ref, bytes);
});

test('nothing of a finished file changes, whatever a late writer does', async () => {
  const sessionId = randomUUID();
  const bytes = randomBytes(2000);
  const at = { offset: 0, length: bytes.length, epoch: 1, sole: true };
  const writer = await blobs.open({ sessionId, storage: null }, at);
  await writer.write([bytes]);
  await writer.close();
  const { storage } = writer.progress();
  await blobs.finalize({ sessionId, storage }, '');

  const { key, uploadId } = parseState(storage);
  const part = { number: 1, body: randomBytes(bytes.length) };
  await assert.rejects(bucket.multipart.upload({ key, uploadId }, part), { code: 'STORAGE_UNAVAILABLE' });
  assert.ok((await contentOf({ sessionId, storage })).equals(bytes));
});

test('where the numbers have run out the upload moves, and the late writer is left behind', async () => {
  const sessionId = randomUUID();
  const bytes = randomBytes(3 * PART + 100);
  // So large a file may need every number there is.
  const at = { length: null, maxLength: 10_000 * PART };
  const first = await blobs.open({ sessionId, storage: null }, { ...at, offset: 0, epoch: 1, sole: true });
  await first.write([bytes.subarray(0, 2 * PART + 700)]);
  await first.close();
  const { storage, offset } = first.progress();
  const late = await blobs.open({ sessionId, storage }, { ...at, offset, epoch: 2, sole: true });
  const newest = await blobs.open({ sessionId, storage }, { ...at, offset, epoch: 3, sole: false });
  assert.notEqual(
    parseState(newest.progress().storage).uploadId,
    parseState(storage).uploadId,
    'it is another multipart upload now',
  );
  await assert.rejects(haunt(late, randomBytes(2 * PART)), { code: 'STORAGE_UNAVAILABLE' });
  await newest.write([bytes.subarray(offset)]);
  await newest.close();
  await assertFinished({ sessionId, storage: newest.progress().storage }, bytes);
});

test('a part whose sending was cut short cannot arrive later in place of a newer one', async () => {
  let hanging: (() => void) | null = null;
  const hung = new Promise<void>((resolve) => {
    hanging = resolve;
  });
  const mischief = (request: IncomingMessage): Mischief => {
    if (!request.url?.includes('partNumber=2')) return 'pass';
    hanging?.();
    return 'hang';
  };
  const proxy = await startS3Proxy(mischief);
  const client = connectS3({ ...testS3(), endpoint: proxy.endpoint });
  // Long enough for the part before it on a busy machine too, which has half of it for a try.
  const deadlines = { transferMs: 4000, slowestBytesPerSecond: 1e9 };
  const slow = createAcknowledgedStore({ ...bucket, client, deadlines, smallestPartBytes: PART }).blobs;
  const sessionId = randomUUID();
  const length = 3 * PART;
  const writer = await slow.open({ sessionId, storage: null }, { offset: 0, length, epoch: 1, sole: true });
  await writer.write([randomBytes(PART)]);
  await until('the first part is stored', () => writer.progress().offset === PART);
  await writer.write([randomBytes(PART)]);
  await hung;
  await assert.rejects(writer.close(), { code: 'STORAGE_UNAVAILABLE' });
  const { offset, storage } = writer.progress();
  assert.equal(offset, PART);
  assert.ok(parseState(storage).plan.shift >= 2, 'whoever goes on uses other numbers');
  await proxy.close();
  client.destroy();
  await blobs.discard({ sessionId, storage }, null);
});
