import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { fakeMp4 } from '../engine/service.ts';
import { createAcknowledgedStore, createTestBucket, type TestBucket } from '../helpers/s3.ts';
import { startS3Service } from '../helpers/s3-service.ts';

/** tus "concatenation" with the files on S3: pieces of one size are joined inside S3, others pass through. */

const MIB = 1 << 20;
const TUS = { 'tus-resumable': '1.0.0', 'content-type': 'application/offset+octet-stream' };

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
});
after(() => bucket.remove());

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function objectOf(key: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bucket.objects.read(key, { first: 0, length: null })) pieces.push(piece);
  return Buffer.concat(pieces);
}

function cut(file: Buffer, sizes: readonly number[]): Buffer[] {
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return file.subarray(at - size, at);
  });
}

const SHAPES = {
  'of one size and a larger last one': [6 * MIB, 6 * MIB, 6 * MIB + 2],
  'of one size and a short last one': [5 * MIB, 5 * MIB, 7],
  'that is a single one': [11 * MIB],
  'of different sizes': [5 * MIB + 1, 6 * MIB, 5 * MIB],
  'that are short': [100_000, 1, 200_000],
};

for (const [shape, sizes] of Object.entries(SHAPES)) {
  test(`pieces ${shape} become one object, counted once, and nothing else is left`, async (t) => {
    const service = await startS3Service(t, bucket);
    const file = fakeMp4(sizes.reduce((sum, size) => sum + size, 0));
    const send = (
      method: string,
      url: string,
      headers: Record<string, string>,
      body?: Uint8Array<ArrayBuffer>,
    ) =>
      fetch(new URL(url, service.url), {
        method,
        headers: { ...TUS, authorization: service.authorization, ...headers },
        ...(body && { body }),
      });
    const urls = await Promise.all(
      cut(file, sizes).map(async (piece) => {
        const created = await send('POST', '/v1/uploads', {
          'upload-concat': 'partial',
          'upload-length': String(piece.length),
        });
        const url = created.headers.get('location') ?? '';
        // In two requests, so that some bytes wait in a tail in between.
        const half = Math.floor(piece.length / 2);
        for (const [from, to] of [
          [0, half],
          [half, piece.length],
        ] as const) {
          const bytes = Uint8Array.from(piece.subarray(from, to));
          assert.equal((await send('PATCH', url, { 'upload-offset': String(from) }, bytes)).status, 204);
        }
        return url;
      }),
    );
    const answer = await send('POST', '/v1/uploads', { 'upload-concat': `final;${urls.join(' ')}` });
    assert.equal(answer.status, 201, await answer.text());
    const sessionId = /uploads\/([0-9a-f-]{36})/.exec(answer.headers.get('location') ?? '')?.[1] ?? '';
    const session = await service.session(sessionId);
    assert.deepEqual([session.status, session.sha256], ['completed', sha256(file)]);
    const { objects, uploads } = await bucket.contents();
    assert.deepEqual([objects.length, uploads], [1, []], objects.join());
    assert.ok(objects[0]?.includes(sessionId));
    assert.equal(sha256(await objectOf(objects[0] ?? '')), sha256(file));
    const { quota_used, quota_reserved, active_sessions } = await service.quota();
    assert.deepEqual([quota_used, quota_reserved, active_sessions], [file.length, 0, 0]);
    await bucket.objects.remove(objects);
  });
}

test('pieces are joined inside S3 where equal parts come of it, and only there', async () => {
  const { client } = bucket;
  const { blobs } = createAcknowledgedStore({ client, bucket: bucket.bucket });
  async function joined(sizes: readonly number[]) {
    const pieces = await Promise.all(
      sizes.map(async (bytes) => {
        const sessionId = randomUUID();
        const at = { offset: 0, length: bytes, epoch: 1, sole: true };
        const writer = await blobs.open({ sessionId, storage: null }, at);
        await writer.write([randomBytes(bytes)]);
        await writer.close();
        return { ref: { sessionId, storage: writer.progress().storage }, bytes };
      }),
    );
    const ref = { sessionId: randomUUID(), storage: null };
    const progress = await blobs.joinBlobs?.(ref, { epoch: 1 }, pieces);
    for (const piece of pieces) await blobs.discard(piece.ref, null);
    await blobs.discard({ ...ref, storage: progress?.storage ?? null }, null);
    return progress?.parts?.map(({ bytes }) => bytes) ?? null;
  }
  assert.deepEqual(await joined([5 * MIB, 5 * MIB, 3]), [5 * MIB, 5 * MIB, 3]);
  assert.deepEqual(await joined([5 * MIB, 5 * MIB + 9]), [5 * MIB, 5 * MIB, 9]);
  assert.equal(await joined([5 * MIB, 6 * MIB, 5 * MIB]), null);
  assert.equal(await joined([MIB, MIB]), null);
  assert.deepEqual(await bucket.contents(), { objects: [], uploads: [] });
});
