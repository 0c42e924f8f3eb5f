import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import type { BlobRef, BlobStore } from '../../src/core/ports.ts';
import type { S3BlobStoreOptions } from '../../src/stores/s3/blob-store.ts';
import { DEFAULT_DEADLINES } from '../../src/stores/s3/call.ts';
import { connectS3 } from '../../src/stores/s3/connect.ts';
import { storageFault } from '../../src/stores/s3/faults.ts';
import { createAcknowledgedStore, createTestBucket, type TestBucket, testS3 } from '../helpers/s3.ts';
import { type Mischief, startS3Proxy } from '../helpers/s3-proxy.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';

const PART = 5 << 20;

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
});
after(() => bucket.remove());

/** The blob store behind a proxy that does mischief to requests. */
async function storeBehind(
  t: TestContext,
  mischief: (request: IncomingMessage) => Mischief,
  options: Partial<S3BlobStoreOptions> = {},
) {
  const proxy = await startS3Proxy(mischief);
  const client = connectS3({ ...testS3(), endpoint: proxy.endpoint });
  t.after(async () => {
    client.destroy();
    await proxy.close();
  });
  const { blobs } = createAcknowledgedStore({ ...bucket, client, smallestPartBytes: PART, ...options });
  return { blobs, proxy };
}

/** Mischief done to the first request that fits. */
function firstOf(fits: (request: IncomingMessage) => boolean, mischief: Mischief) {
  let done = false;
  return (request: IncomingMessage): Mischief => {
    if (done || !fits(request)) return 'pass';
    done = true;
    return mischief;
  };
}

const completes = ({ method, url }: IncomingMessage) =>
  method === 'POST' && /uploadId=/.test(url ?? '') && !/partNumber=/.test(url ?? '');
/** Whether anybody is there. */
const looks = ({ method, url }: IncomingMessage) =>
  method === 'HEAD' && new URL(url ?? '', 'http://s3').pathname.replace(/\/$/, '') === `/${bucket.bucket}`;
const sendsPart = (number: number) => (request: IncomingMessage) =>
  request.method === 'PUT' && (request.url ?? '').includes(`partNumber=${number}&`);

async function upload(
  blobs: BlobStore,
  bytes: Buffer,
  length: number | null = bytes.length,
): Promise<BlobRef> {
  const sessionId = randomUUID();
  const at = { offset: 0, length, epoch: 1, sole: true };
  const writer = await blobs.open({ sessionId, storage: null }, at);
  await writer.write([bytes]);
  await writer.close();
  const { offset, storage } = writer.progress();
  assert.equal(offset, bytes.length);
  return { sessionId, storage };
}

async function assertContent(blobs: BlobStore, ref: BlobRef, bytes: Buffer): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.read(ref, {})) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(bytes));
}

test('a part whose answer was lost is stored once', async (t) => {
  const { blobs, proxy } = await storeBehind(t, firstOf(sendsPart(2), 'swallow'));
  const bytes = randomBytes(2 * PART + 10);
  const ref = await upload(blobs, bytes);
  assert.equal(proxy.requests.filter((line) => line.includes('partNumber=2&')).length, 2);
  await blobs.finalize(ref, '');
  await assertContent(blobs, ref, bytes);
});

test('an upload whose creation was answered into the void is not left behind', async (t) => {
  const creates = ({ method, url }: IncomingMessage) => method === 'POST' && /[?&]uploads/.test(url ?? '');
  const { blobs, proxy } = await storeBehind(t, firstOf(creates, 'swallow'));
  const bytes = randomBytes(1000);
  const ref = await upload(blobs, bytes);
  assert.equal(proxy.requests.filter((line) => /[?&]uploads/.test(line)).length, 2);
  await blobs.finalize(ref, '');
  await assertContent(blobs, ref, bytes);
  const { uploads } = await bucket.contents();
  assert.deepEqual(uploads, []);
});

for (const [name, mischief] of [
  ['was lost', 'swallow'],
  ['was an error in a 200', { status: 200, body: errorBody('InternalError') }],
  [
    'was an error in a 200, with white space around it',
    { status: 200, body: `\n \n${errorBody('InternalError')}\n` },
  ],
  ['was an empty 200', { status: 200, body: '' }],
  ['was cut short', { status: 200, body: '<?xml version="1.0" encoding="UTF-8"?>\n   ' }],
] as const satisfies readonly (readonly [string, Mischief])[]) {
  test(`a completion whose answer ${name} happens once and is known to have happened`, async (t) => {
    const { blobs } = await storeBehind(t, firstOf(completes, mischief));
    const bytes = randomBytes(PART + 10);
    const ref = await upload(blobs, bytes);
    await blobs.finalize(ref, '').catch((fault) => {
      // Where S3 was not asked at all, it is as it should be: nothing is complete, and it is tried again.
      assert.equal(storageFault(fault).code, 'STORAGE_UNAVAILABLE');
    });
    await blobs.finalize(ref, '');
    await assertContent(blobs, ref, bytes);
  });
}

for (const [name, body] of [
  ['an error', errorBody('InternalError')],
  ['an error and white space around it', `\n \n${errorBody('InternalError')}\n`],
  ['nothing', ''],
  ['half an answer', '<?xml version="1.0" encoding="UTF-8"?>\n   '],
  [
    'an answer without an ETag',
    '<CompleteMultipartUploadResult><Key>x</Key></CompleteMultipartUploadResult>',
  ],
] as const) {
  test(`while completion answers 200 with ${name}, the file is not taken for complete`, async (t) => {
    const { blobs } = await storeBehind(t, (request) =>
      completes(request) ? { status: 200, body } : 'pass',
    );
    const ref = await upload(blobs, randomBytes(PART + 10));
    await assert.rejects(blobs.finalize(ref, ''), { code: 'STORAGE_UNAVAILABLE' });
    await blobs.discard(ref, null);
  });
}

test('a completion whose every answer is lost counts, because the object is there', async (t) => {
  const { blobs } = await storeBehind(t, (request) => (completes(request) ? 'swallow' : 'pass'));
  const bytes = randomBytes(PART + 10);
  const ref = await upload(blobs, bytes);
  await blobs.finalize(ref, '');
  await assertContent(blobs, ref, bytes);
});

test('whoever completes second may look before the object shows', async (t) => {
  let unseen = 0;
  const { blobs } = await storeBehind(t, (request) => {
    if (unseen > 0 && completes(request)) return { status: 404, body: errorBody('NoSuchUpload') };
    if (unseen === 0 || request.method !== 'HEAD') return 'pass';
    unseen -= 1;
    return { status: 404, body: '' };
  });
  const bytes = randomBytes(PART + 10);
  const ref = await upload(blobs, bytes);
  await blobs.finalize(ref, '');
  unseen = 3;
  await blobs.finalize(ref, '');
  assert.equal(unseen, 0);
});

test('what somebody else has deleted already counts as deleted', async (t) => {
  const deletes = ({ method, url }: IncomingMessage) => method === 'DELETE' && !/uploadId=/.test(url ?? '');
  const gone = { status: 404, body: errorBody('NoSuchKey') };
  const { blobs, proxy } = await storeBehind(t, (request) => (deletes(request) ? gone : 'pass'));
  const ref = await upload(blobs, randomBytes(PART + 10), null);
  await blobs.discard(ref, null);
  assert.ok(proxy.requests.some((line) => line.startsWith('DELETE')));
});

test('a full storage keeps the offset true', async (t) => {
  let full = true;
  const refusal = { status: 507, body: errorBody('InsufficientStorage') };
  const { blobs } = await storeBehind(t, (request) => (full && sendsPart(2)(request) ? refusal : 'pass'));
  const bytes = randomBytes(3 * PART);
  const sessionId = randomUUID();
  const at = { length: bytes.length, epoch: 1, sole: true };
  const writer = await blobs.open({ sessionId, storage: null }, { ...at, offset: 0 });
  const written = writer.write([bytes]).then(() => writer.close());
  await assert.rejects(written, { code: 'STORAGE_FULL' });
  await writer.close().catch(() => {});
  const { offset, storage } = writer.progress();
  assert.equal(offset, PART);

  full = false;
  const again = await blobs.open({ sessionId, storage }, { ...at, offset, epoch: 2 });
  await again.write([bytes.subarray(offset)]);
  await again.close();
  const ref = { sessionId, storage: again.progress().storage };
  await blobs.finalize(ref, '');
  await assertContent(blobs, ref, bytes);
});

for (const how of ['refuses connections', 'hangs'] as const) {
  test(`a storage that ${how} is said to be away within two seconds`, async (t) => {
    const silent = createServer((socket) => {
      // Read, so that the end of the connection is noticed.
      socket.on('error', () => {}).resume();
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    assert.ok(address && typeof address === 'object');
    const endpoint = `http://127.0.0.1:${address.port}`;
    if (how === 'refuses connections') silent.close();
    const client = connectS3({ ...testS3(), endpoint });
    t.after(() => {
      client.destroy();
      silent.close();
    });
    const { blobs } = createAcknowledgedStore({ ...bucket, client, deadlines: DEFAULT_DEADLINES });
    const ref = await upload(createAcknowledgedStore(bucket).blobs, randomBytes(10), null);

    const calls: (() => Promise<unknown>)[] = [
      () => blobs.check(),
      () => blobs.discard(ref, null),
      () => blobs.finalize(ref, ''),
      () => blobs.open(ref, { offset: 10, length: 20, epoch: 2, sole: true }),
      () => blobs.read(ref, { length: 5 })[Symbol.asyncIterator]().next(),
    ];
    const elapsedMs = startStopwatch();
    for (const result of await Promise.allSettled(calls.map((run) => run()))) {
      assert.ok(result.status === 'rejected' && result.reason instanceof SluiceError);
      assert.equal(result.reason.code, 'STORAGE_UNAVAILABLE');
      assert.ok((result.reason.retryAfterSeconds ?? 0) > 0);
      assert.doesNotMatch(result.reason.message, /127\.0\.0\.1|sluice-test/);
    }
    assert.ok(elapsedMs() < 2500, `${elapsedMs()} ms`);
  });
}

for (const [name, answered, deadlines] of [
  ['that hangs after it was seen to answer is given up', 1, { callMs: 1900, completeMs: 40_000 }],
  // A look must not be late where the machine stands still for a moment.
  ['that goes on answering is waited for', Number.POSITIVE_INFINITY, { callMs: 5000, completeMs: 11_000 }],
] as const) {
  const { completeMs } = deadlines;
  test(`while a completion takes its time, a storage ${name}`, async (t) => {
    let seen = 0;
    const mischief = (request: IncomingMessage): Mischief => {
      if (completes(request)) return 'hang';
      if (!looks(request)) return 'pass';
      seen += 1;
      return seen <= answered ? 'pass' : 'hang';
    };
    const { blobs } = await storeBehind(t, mischief, { deadlines });
    const ref = await upload(blobs, randomBytes(PART + 10));
    const elapsedMs = startStopwatch();
    const began = performance.now();
    await assert.rejects(blobs.finalize(ref, ''), { code: 'STORAGE_UNAVAILABLE' });
    assert.ok(seen > 1, `${seen} looks`);
    if (answered === 1) assert.ok(elapsedMs() < completeMs / 2, `${elapsedMs()} ms`);
    else assert.ok(performance.now() - began > completeMs * 0.99, 'it is waited for until its deadline');
  });
}

test('wrong keys and a bucket that is not there are faults of the storage, and the probe finds them', async (t) => {
  const client = connectS3({
    ...testS3(),
    credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
  });
  t.after(() => client.destroy());
  const strangers = createAcknowledgedStore({ ...bucket, client }).blobs;
  const nowhere = createAcknowledgedStore({ ...bucket, bucket: 'sluice-test-no-such-bucket' }).blobs;
  await assert.rejects(strangers.check(), { code: 'STORAGE_UNAVAILABLE' });
  await assert.rejects(nowhere.check(), { code: 'STORAGE_UNAVAILABLE' });
  await createAcknowledgedStore(bucket).blobs.check();
});

function errorBody(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`;
}
