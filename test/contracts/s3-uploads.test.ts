import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { BlobRef, BlobStore } from '../../src/core/ports.ts';
import { createS3BlobStore } from '../../src/stores/s3/blob-store.ts';
import { parseState } from '../../src/stores/s3/upload-state.ts';
import { createAcknowledgedStore, createTestBucket, type TestBucket } from '../helpers/s3.ts';

/** The smallest part that S3 takes. */
const PART = 5 << 20;

let bucket: TestBucket;
let blobs: BlobStore;
before(async () => {
  bucket = await createTestBucket();
  ({ blobs } = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART }));
});
after(() => bucket.remove());

interface Upload extends BlobRef {
  storage: string | null;
  offset: number;
  epoch: number;
}

function newUpload(): Upload {
  return { sessionId: randomUUID(), storage: null, offset: 0, epoch: 0 };
}

/** One request: open at the offset, write, close. What is stored then is acknowledged. */
async function send(
  upload: Upload,
  bytes: Uint8Array,
  options: { length?: number | null; sole?: boolean; pieces?: number } = {},
): Promise<void> {
  const { length = null, sole = true, pieces = 1 << 20 } = options;
  upload.epoch += 1;
  const at = { offset: upload.offset, length, maxLength: 40 << 20, epoch: upload.epoch, sole };
  const writer = await blobs.open(upload, at);
  assert.equal(writer.progress().offset, upload.offset, 'it goes on where it was');
  for (let from = 0; from < bytes.length; from += pieces) {
    await writer.write([bytes.subarray(from, from + pieces)]);
  }
  await writer.close();
  ({ offset: upload.offset, storage: upload.storage } = writer.progress());
}

async function digestOf(ref: BlobRef, length?: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of blobs.read(ref, length === undefined ? {} : { length })) hash.update(chunk);
  return hash.digest('hex');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** It is one finished object, exactly `bytes`, and nothing else of it is left. */
async function assertFinished(upload: Upload, bytes: Uint8Array): Promise<void> {
  const key = blobs.storageKey(upload, Date.now(), null);
  await blobs.finalize(upload, key);
  await blobs.finalize(upload, key);
  assert.equal(await digestOf(upload), sha256(bytes));
  const { objects, uploads } = await bucket.contents();
  const own = (name: string) => name.includes(upload.sessionId);
  assert.deepEqual(objects.filter(own), [key]);
  assert.deepEqual(uploads.filter(own), []);
}

async function assertGone(upload: Upload): Promise<void> {
  const { objects, uploads } = await bucket.contents();
  assert.deepEqual(
    [...objects, ...uploads].filter((name) => name.includes(upload.sessionId)),
    [],
  );
}

test('a file in one go becomes one object under a random key', async () => {
  const upload = newUpload();
  const bytes = randomBytes(2 * PART + 12_345);
  await send(upload, bytes, { length: bytes.length, pieces: 700_001 });
  assert.equal(upload.offset, bytes.length);
  const now = new Date();
  const month = `${now.getUTCFullYear()}/${String(now.getUTCMonth() + 1).padStart(2, '0')}`;
  assert.equal(blobs.storageKey(upload, 0, 'mp4'), `uploads/${month}/${upload.sessionId}`);
  await assertFinished(upload, bytes);
});

test('a file smaller than a part, of known or unknown length, is whole', async () => {
  for (const length of [1000, null]) {
    const upload = newUpload();
    const bytes = randomBytes(1000);
    await send(upload, bytes, { length });
    assert.equal(upload.offset, 1000);
    await assertFinished(upload, bytes);
  }
});

test('an empty file is an empty object', async () => {
  const upload = newUpload();
  await send(upload, new Uint8Array(0));
  await assertFinished(upload, new Uint8Array(0));
});

test('a file that ends exactly with a part is whole, of known or unknown length', async () => {
  for (const length of [2 * PART, null]) {
    const upload = newUpload();
    const bytes = randomBytes(2 * PART);
    await send(upload, bytes, { length });
    await assertFinished(upload, bytes);
  }
});

test('an upload cut at any byte goes on there, whoever goes on, and is equal at the end', async () => {
  for (let run = 0; run < 3; run += 1) {
    const upload = newUpload();
    const bytes = randomBytes(3 * PART + randomInt(PART));
    const length = run === 0 ? bytes.length : null;
    while (upload.offset < bytes.length) {
      const end = Math.min(bytes.length, upload.offset + 1 + randomInt(PART + PART / 2));
      await send(upload, bytes.subarray(upload.offset, end), { length, sole: randomInt(2) === 0 });
      assert.equal(upload.offset, end, 'every byte of a request that was cut is stored');
    }
    await assertFinished(upload, bytes);
  }
});

test('the first bytes can be read while the upload goes on, and the upload goes on after that', async () => {
  const upload = newUpload();
  const bytes = randomBytes(2 * PART + 9);
  await send(upload, bytes.subarray(0, 1000));
  assert.equal(await digestOf(upload, 600), sha256(bytes.subarray(0, 600)));
  assert.equal(await digestOf(upload, 4096), sha256(bytes.subarray(0, 1000)));
  await send(upload, bytes.subarray(1000, PART + 1));
  assert.equal(await digestOf(upload, 4096), sha256(bytes.subarray(0, 4096)));
  await send(upload, bytes.subarray(PART + 1));
  assert.equal(await digestOf(upload), sha256(bytes));
  await assertFinished(upload, bytes);
});

test('what lies behind the offset is dropped, be it in the tail, in a part or between parts', async () => {
  const bytes = randomBytes(3 * PART + 5000);
  const wrong = randomBytes(3 * PART + 5000);
  for (const offset of [3 * PART + 10, 2 * PART, PART + 777, 100, 0]) {
    const upload = newUpload();
    await send(upload, bytes.subarray(0, offset));
    await send(upload, wrong.subarray(offset));
    upload.offset = offset;
    await send(upload, bytes.subarray(offset));
    await assertFinished(upload, bytes);
  }
});

test('a last byte that was stored but not acknowledged is sent again', async () => {
  const upload = newUpload();
  const bytes = randomBytes(PART + 1000);
  const wrongEnd = Buffer.concat([bytes.subarray(0, -1), Buffer.from([1 ^ (bytes.at(-1) ?? 0)])]);
  await send(upload, wrongEnd, { length: bytes.length });
  upload.offset -= 1;
  await send(upload, bytes.subarray(-1), { length: bytes.length });
  await assertFinished(upload, bytes);
});

test('an upload that begins anew leaves nothing of its first attempt', async () => {
  const upload = newUpload();
  await send(upload, randomBytes(PART + 300));
  const before = parseState(upload.storage ?? '');
  upload.offset = 0;
  const bytes = randomBytes(PART + 10);
  await send(upload, bytes);
  assert.notEqual(parseState(upload.storage ?? '').uploadId, before.uploadId);
  await assertFinished(upload, bytes);
});

test('only parts without a gap before them move the offset', async () => {
  const upload = newUpload();
  const writer = await blobs.open(upload, {
    offset: 0,
    length: null,
    maxLength: 9 * PART,
    epoch: 1,
    sole: true,
  });
  const seen = new Set<number>();
  for (let part = 0; part < 6; part += 1) {
    await writer.write([randomBytes(PART)]);
    seen.add(writer.progress().offset);
  }
  await writer.close();
  seen.add(writer.progress().offset);
  for (const offset of seen) assert.equal(offset % PART, 0);
  assert.equal(writer.progress().offset, 6 * PART);
  upload.storage = writer.progress().storage;
  await blobs.discard(upload, null);
});

test('what is kept in the session stays small however many parts there are', async () => {
  const upload = newUpload();
  await send(upload, randomBytes(6 * PART + 5));
  assert.ok((upload.storage ?? '').length < 500, upload.storage ?? '');
  await blobs.discard(upload, null);
});

test('one tail at a time is kept, and it goes when its bytes are part of something newer', async () => {
  const upload = newUpload();
  const tails = async () => {
    const { objects } = await bucket.contents();
    return objects.filter((name) => name.startsWith(`partial/${upload.sessionId}/`));
  };
  for (let request = 0; request < 4; request += 1) {
    await send(upload, randomBytes(PART / 2));
    // The tail that the session refers to now, and at most the one before it.
    assert.ok((await tails()).length <= 1 + 1);
  }
  assert.equal(upload.offset, 2 * PART);
  await blobs.finalize(upload, '');
  assert.deepEqual(await tails(), []);
  await blobs.discard(upload, null);
});

test('a tail that the session store has not heard of yet is not taken for an old one', async () => {
  const store = createS3BlobStore({
    ...{ ...bucket, smallestPartBytes: PART, keepAfterMs: 10 },
    partList: { parts: async () => [] },
  }).blobs;
  const upload = newUpload();
  const writer = await store.open(upload, { offset: 0, length: null, epoch: 1, sole: true });
  const stored = async (offset: number) => {
    while (writer.progress().offset < offset) await new Promise((resolve) => setTimeout(resolve, 5));
    return writer.progress().storage;
  };
  const bytes = randomBytes(2000);
  await writer.write([bytes.subarray(0, 1000)]);
  const first = await stored(1000);
  await writer.write([bytes.subarray(1000)]);
  const second = await stored(2000);
  writer.committed?.(first);
  await writer.close();
  assert.equal(writer.progress().storage, second);
  assert.equal(await digestOf({ ...upload, storage: second }), sha256(bytes));
  await blobs.discard({ ...upload, storage: second }, null);
});

test('discarding leaves nothing, at any stage, also of a writer nobody heard of', async () => {
  const nothing = newUpload();
  await blobs.discard(nothing, blobs.storageKey(nothing, Date.now(), null));

  const unheard = newUpload();
  const writer = await blobs.open(unheard, { offset: 0, length: null, epoch: 1, sole: true });
  await writer.write([randomBytes(PART + 10)]);
  await writer.close();
  await blobs.discard(unheard, blobs.storageKey(unheard, Date.now(), null));
  await assertGone(unheard);

  for (const finished of [false, true]) {
    const upload = newUpload();
    await send(upload, randomBytes(PART + 10));
    if (finished) await blobs.finalize(upload, '');
    await blobs.discard(upload, null);
    await blobs.discard(upload, null);
    await assertGone(upload);
  }
});

test('stored bytes that somebody removed show as a smaller offset', async () => {
  const upload = newUpload();
  await send(upload, randomBytes(2 * PART + 100));
  const { tail } = parseState(upload.storage ?? '');
  assert.ok(tail);
  await bucket.objects.remove([tail.key]);
  const at = { offset: upload.offset, length: null, epoch: 2, sole: true };
  const withoutTail = await blobs.open(upload, at);
  const { offset, parts } = withoutTail.progress();
  assert.equal(offset, 2 * PART);
  assert.equal(parts?.length, 2, 'all parts are told again, since the offset falls by beginning anew');
  await withoutTail.close();

  await bucket.multipart.abort(parseState(upload.storage ?? ''));
  const withoutUpload = await blobs.open(upload, at);
  assert.equal(withoutUpload.progress().offset, 0);
  await withoutUpload.close();
  await blobs.discard(upload, null);
});
