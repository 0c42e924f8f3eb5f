import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fakeMp4 } from '../engine/service.ts';
import { createTestBucket, type TestBucket } from '../helpers/s3.ts';
import { json, startS3Service } from '../helpers/s3-service.ts';

/** The whole service with its files on S3: the upload resource in its dialects, and direct mode. */

const MIB = 1 << 20;
const TUS = { 'tus-resumable': '1.0.0', 'content-type': 'application/offset+octet-stream' };

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
});
after(() => bucket.remove());

type Service = Awaited<ReturnType<typeof startS3Service>>;

interface Initiated {
  readonly sessionId: string;
  readonly url: string;
  readonly instructions: Record<string, unknown>;
}

async function initiate(service: Service, body: object): Promise<Initiated> {
  const answer = await service.initiate(body);
  assert.equal(answer.status, 201);
  const { session_id, upload_url, upload_instructions } = await json(answer);
  assert.ok(typeof session_id === 'string' && typeof upload_url === 'string');
  assert.ok(typeof upload_instructions === 'object' && upload_instructions !== null);
  return {
    sessionId: session_id,
    url: upload_url,
    instructions: Object.fromEntries(Object.entries(upload_instructions)),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function storedOf(sessionId: string): Promise<string[]> {
  const { objects, uploads } = await bucket.contents();
  return [...objects, ...uploads].filter((name) => name.includes(sessionId));
}

/** Completed, counted once, one object that is exactly the file, nothing else. */
async function assertCompleted(service: Service, sessionId: string, bytes: Uint8Array): Promise<void> {
  const { status, sha256: digest } = await service.session(sessionId);
  assert.deepEqual({ status, digest }, { status: 'completed', digest: sha256(bytes) });
  const keys = await storedOf(sessionId);
  assert.equal(keys.length, 1, keys.join());
  const pieces: Uint8Array[] = [];
  for await (const piece of bucket.objects.read(keys[0] ?? '', { first: 0, length: null }))
    pieces.push(piece);
  assert.equal(sha256(Buffer.concat(pieces)), sha256(bytes));
  const { quota_used, quota_reserved } = await service.quota();
  assert.deepEqual({ quota_used, quota_reserved }, { quota_used: bytes.length, quota_reserved: 0 });
}

async function assertProblem(answer: Response, status: number, code: string): Promise<void> {
  const { error_code } = await json(answer);
  assert.deepEqual({ status: answer.status, error_code }, { status, error_code: code });
}

test('a PUT becomes one object, and is counted once', async (t) => {
  const service = await startS3Service(t, bucket);
  const bytes = fakeMp4(20 * MIB + 77);
  const { sessionId, url } = await initiate(service, { expected_file_size: bytes.length });
  const answer = await fetch(url, { method: 'PUT', body: bytes });
  assert.equal(answer.status, 201, await answer.text());
  await assertCompleted(service, sessionId, bytes);
});

test('a real video is recognised and kept', async (t) => {
  const service = await startS3Service(t, bucket);
  const bytes = await readFile(new URL('../fixtures/sample.webm', import.meta.url));
  const { sessionId, url } = await initiate(service, { file_format: 'webm' });
  assert.equal((await fetch(url, { method: 'PUT', body: bytes })).status, 201);
  await assertCompleted(service, sessionId, bytes);
});

test('what is no video leaves nothing behind', async (t) => {
  const service = await startS3Service(t, bucket);
  const { sessionId, url } = await initiate(service, {});
  const answer = await fetch(url, { method: 'PUT', body: Buffer.alloc(MIB, '<html>') });
  await assertProblem(answer, 415, 'UNSUPPORTED_FORMAT');
  assert.deepEqual(await storedOf(sessionId), []);
  const { quota_used, quota_reserved } = await service.quota();
  assert.deepEqual({ quota_used, quota_reserved }, { quota_used: 0, quota_reserved: 0 });
});

test('a tus upload in pieces of any size is resumed from tails and parts', async (t) => {
  const service = await startS3Service(t, bucket);
  const bytes = fakeMp4(19 * MIB + 5);
  const { sessionId, url } = await initiate(service, { expected_file_size: bytes.length });
  for (const end of [100, 5000, 9 * MIB, 9 * MIB + 1, 17 * MIB, bytes.length]) {
    const head = await fetch(url, { method: 'HEAD', headers: TUS });
    const offset = Number(head.headers.get('upload-offset'));
    const headers = { ...TUS, 'upload-offset': String(offset) };
    const answer = await fetch(url, { method: 'PATCH', headers, body: bytes.subarray(offset, end) });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('upload-offset'), String(end));
  }
  await assertCompleted(service, sessionId, bytes);
});

test('a checksum that does not match changes nothing, and the upload goes on from within a part', async (t) => {
  const service = await startS3Service(t, bucket);
  const bytes = fakeMp4(20 * MIB);
  const { sessionId, url } = await initiate(service, { expected_file_size: bytes.length });
  const patch = (from: number, body: Uint8Array, checksum: Uint8Array) =>
    fetch(url, {
      method: 'PATCH',
      headers: {
        ...TUS,
        'upload-offset': String(from),
        'upload-checksum': `sha256 ${createHash('sha256').update(checksum).digest('base64')}`,
      },
      body: Buffer.from(body),
    });
  const first = bytes.subarray(0, 9 * MIB);
  assert.equal((await patch(0, first, first)).status, 204);
  const rest = bytes.subarray(9 * MIB);
  assert.equal((await patch(9 * MIB, Buffer.alloc(rest.length, 1), rest)).status, 460);
  const { upload_offset } = await service.session(sessionId);
  assert.equal(upload_offset, 9 * MIB);
  assert.equal((await patch(9 * MIB, rest, rest)).status, 204);
  await assertCompleted(service, sessionId, bytes);
});

test('a PUT onto partial bytes begins anew', async (t) => {
  const service = await startS3Service(t, bucket);
  const bytes = fakeMp4(10 * MIB);
  const { sessionId, url } = await initiate(service, { expected_file_size: bytes.length });
  const wrong = fakeMp4(10 * MIB).fill(7, 5000);
  const headers = { ...TUS, 'upload-offset': '0' };
  await fetch(url, { method: 'PATCH', headers, body: wrong.subarray(0, 9 * MIB) });
  assert.equal((await fetch(url, { method: 'PUT', body: bytes })).status, 201);
  await assertCompleted(service, sessionId, bytes);
});

test('a cancelled upload leaves nothing', async (t) => {
  const service = await startS3Service(t, bucket);
  const { sessionId, url } = await initiate(service, { expected_file_size: 20 * MIB });
  const headers = { ...TUS, 'upload-offset': '0' };
  await fetch(url, { method: 'PATCH', headers, body: fakeMp4(9 * MIB) });
  assert.ok((await storedOf(sessionId)).length > 0);
  assert.equal((await fetch(url, { method: 'DELETE' })).status, 204);
  assert.deepEqual(await storedOf(sessionId), []);
});
