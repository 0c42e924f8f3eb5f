import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { BlobRef, DirectBlobs, SignedPart } from '../../src/core/ports.ts';
import { createAcknowledgedStore, createTestBucket, type TestBucket } from '../helpers/s3.ts';

/** Presigned URLs, tried for everything they are not meant for: S3 itself has to refuse. */

const PART = 5 << 20;
const LENGTH = 2 * PART + 1000;
const MINUTE = 60_000;

let bucket: TestBucket;
let direct: DirectBlobs;
let discard: (ref: BlobRef) => Promise<void>;
before(async () => {
  bucket = await createTestBucket();
  const store = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART });
  direct = store.direct;
  discard = (ref) => store.blobs.discard(ref, null);
});
after(() => bucket.remove());

async function begin(length = LENGTH): Promise<BlobRef> {
  const sessionId = randomUUID();
  return { sessionId, storage: await direct.begin(sessionId, { length, epoch: 1 }) };
}

async function signed(ref: BlobRef, number: number, expiresAt = Date.now() + MINUTE): Promise<SignedPart> {
  const { parts } = await direct.sign(ref, [number], expiresAt);
  const [part] = parts;
  assert.ok(part);
  return part;
}

function put(url: string, body: Uint8Array): Promise<Response> {
  return fetch(url, { method: 'PUT', body: Buffer.from(body) });
}

test('a direct upload is cut into equal parts, at most 10 000 of them', async () => {
  const ref = await begin();
  assert.deepEqual(direct.plan(ref), { length: LENGTH, partBytes: PART, partCount: 3 });
  const huge = await begin(100_000_000_000);
  assert.deepEqual(direct.plan(huge), { length: 100_000_000_000, partBytes: 10_000_000, partCount: 10_000 });
  assert.equal(direct.plan({ sessionId: randomUUID(), storage: null }), null);
  await Promise.all([discard(ref), discard(huge)]);
});

test('parts sent by their URLs arrive, are listed, and become the file', async () => {
  const ref = await begin();
  const bytes = randomBytes(LENGTH);
  const { parts } = await direct.sign(ref, [3, 1, 2], Date.now() + MINUTE);
  assert.deepEqual(
    parts.map(({ partNumber, bytes: size }) => [partNumber, size]),
    [
      [3, 1000],
      [1, PART],
      [2, PART],
    ],
  );
  const etags = new Map<number, string>();
  for (const { partNumber, url } of parts) {
    const body = bytes.subarray((partNumber - 1) * PART, partNumber * PART);
    const answer = await put(url, body);
    assert.equal(answer.status, 200);
    etags.set(partNumber, answer.headers.get('etag') ?? '');
  }
  const arrived = await direct.arrived(ref);
  assert.deepEqual(
    arrived,
    [1, 2, 3].map((partNumber) => ({
      ...{ partNumber, etag: etags.get(partNumber) },
      bytes: partNumber === 3 ? 1000 : PART,
    })),
  );

  const named = arrived.map(({ partNumber, etag }) => ({ partNumber, etag: etag.replaceAll('"', '') }));
  const first = await direct.complete(ref, named);
  assert.ok(first.kind === 'completed');
  assert.equal(first.progress.offset, LENGTH);
  assert.deepEqual(await direct.complete(ref, named), first, 'completing again is the same');
  await discard(ref);
});

test('missing parts and wrong ETags complete nothing', async () => {
  const ref = await begin();
  const one = await put((await signed(ref, 1)).url, randomBytes(PART));
  const etag = one.headers.get('etag') ?? '';
  const third = { partNumber: 3, etag };
  assert.deepEqual(await direct.complete(ref, [{ partNumber: 1, etag }, { partNumber: 2, etag }, third]), {
    kind: 'wrong_parts',
  });
  assert.deepEqual(
    await direct.complete(ref, [{ partNumber: 1, etag: '"00000000000000000000000000000000"' }]),
    {
      kind: 'wrong_parts',
    },
  );
  assert.equal((await direct.arrived(ref)).length, 1, 'nothing is lost by that');
  await discard(ref);
});

test('an object of another length than was declared is not taken', async () => {
  const ref = await begin();
  const answer = await put((await signed(ref, 3)).url, randomBytes(1000));
  const only = [{ partNumber: 3, etag: answer.headers.get('etag') ?? '' }];
  assert.deepEqual(await direct.complete(ref, only), { kind: 'wrong_length', bytes: 1000 });
  await discard(ref);
});

for (const [what, change, body] of [
  ['a longer body', (url: string) => url, randomBytes(1001)],
  ['a shorter body', (url: string) => url, randomBytes(999)],
  ['no body', (url: string) => url, new Uint8Array(0)],
  ['another part', (url: string) => url.replace('partNumber=3', 'partNumber=2'), randomBytes(1000)],
  [
    'another key',
    (url: string) => url.replace(/([0-9a-f])\?/, (_, digit) => `${digit === '0' ? '1' : '0'}?`),
    randomBytes(1000),
  ],
  ['another upload', (url: string) => url.replace(/uploadId=[0-9a-f]/, 'uploadId=z'), randomBytes(1000)],
  [
    'an object of its own',
    (url: string) => url.replace(/&?(partNumber|uploadId|x-id)=[^&]*/g, ''),
    randomBytes(1000),
  ],
  ['a longer life', (url: string) => url.replace('X-Amz-Expires=', 'X-Amz-Expires=9'), randomBytes(1000)],
] as const) {
  test(`a URL for a part is refused for ${what}`, async () => {
    const ref = await begin();
    const { url } = await signed(ref, 3);
    const changed = change(url);
    const answer = await put(changed, body);
    assert.ok(answer.status === 403 || answer.status === 400, `${answer.status} ${await answer.text()}`);
    assert.deepEqual(await direct.arrived(ref), []);
    const good = await put(url, randomBytes(1000));
    assert.equal(good.status, 200, 'as it was given it is good');
    await discard(ref);
  });
}

test('a URL is refused for a body without a length, for reading and for deleting', async () => {
  const ref = await begin();
  const { url } = await signed(ref, 3);
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(randomBytes(1000));
      controller.close();
    },
  });
  const chunked: RequestInit = { method: 'PUT', body: stream, duplex: 'half' };
  assert.equal((await fetch(url, chunked)).status, 403);
  for (const method of ['GET', 'DELETE']) assert.equal((await fetch(url, { method })).status, 403);
  assert.deepEqual(await direct.arrived(ref), []);
  await discard(ref);
});

test('a URL is refused when its time is over', async () => {
  const ref = await begin();
  const { url } = await signed(ref, 3, Date.now() + 1000);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  assert.equal((await put(url, randomBytes(1000))).status, 403);
  assert.deepEqual(await direct.arrived(ref), []);
  await discard(ref);
});

test('after the upload was discarded or completed its URLs store nothing', async () => {
  const ref = await begin(1000);
  const { url } = await signed(ref, 1);
  const bytes = randomBytes(1000);
  const answer = await put(url, bytes);
  const named = [{ partNumber: 1, etag: answer.headers.get('etag') ?? '' }];
  assert.equal((await direct.complete(ref, named)).kind, 'completed');
  assert.equal((await put(url, randomBytes(1000))).status, 404);
  assert.equal((await direct.complete(ref, named)).kind, 'completed', 'the file is as it was');
  await discard(ref);
  assert.equal((await put(url, bytes)).status, 404);
  const { objects, uploads } = await bucket.contents();
  assert.deepEqual(
    [...objects, ...uploads].filter((name) => name.includes(ref.sessionId)),
    [],
  );
});

test('it is written down until when bytes can come, before anybody can send them', async () => {
  const store = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART }).blobs;
  const ref = await begin();
  assert.equal(store.writableUntil?.(ref), 0);
  const late = Date.now() + 10 * MINUTE;
  const { storage } = await direct.sign(ref, [1], late);
  const sooner = await direct.sign({ ...ref, storage }, [2], Date.now() + MINUTE);
  assert.ok((store.writableUntil?.({ ...ref, storage: sooner.storage }) ?? 0) >= late);
  await discard(ref);
});
