import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, type TestContext, test } from 'node:test';
import { fakeMp4 } from '../engine/service.ts';
import { createTestBucket, type TestBucket } from '../helpers/s3.ts';
import { json, startS3Service } from '../helpers/s3-service.ts';

/** The whole service with its files on S3: the upload resource in its dialects, and direct mode. */

const MIB = 1 << 20;

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

/** Ask for URLs, send the parts, and give what completion wants to know. */
async function sendParts(url: string, bytes: Uint8Array, numbers: readonly number[]) {
  const signed = await post(`${url}`, 'parts', { part_numbers: numbers });
  assert.equal(signed.status, 200);
  const { parts, part_size: size } = await json(signed);
  assert.ok(Array.isArray(parts) && typeof size === 'number');
  const sent: { part_number: number; etag: string }[] = [];
  for (const { part_number, url: target } of parts) {
    const body = Buffer.from(bytes.subarray((part_number - 1) * size, part_number * size));
    const answer = await fetch(target, { method: 'PUT', body });
    assert.equal(answer.status, 200);
    sent.push({ part_number, etag: answer.headers.get('etag') ?? '' });
  }
  return sent;
}

function at(url: string, action: string): string {
  const target = new URL(url);
  target.pathname += `/${action}`;
  return target.href;
}

function post(url: string, action: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(at(url, action), { method: 'POST', headers, body: JSON.stringify(body) });
}

async function initiateDirect(t: TestContext, bytes: Uint8Array, more: object = {}) {
  const service = await startS3Service(t, bucket);
  const upload = await initiate(service, { transfer: 'direct', expected_file_size: bytes.length, ...more });
  return { service, ...upload };
}

test('direct: parts go to the bucket, and the file is verified and counted once', async (t) => {
  const bytes = fakeMp4(17 * MIB + 9);
  const { service, sessionId, url, instructions } = await initiateDirect(t, bytes, { sha256: sha256(bytes) });
  assert.equal(instructions.transfer, 'direct');
  assert.deepEqual([instructions.part_size, instructions.part_count], [8 * MIB, 3]);
  const parts = await sendParts(url, bytes, [2, 3]);
  const listed = await json(await fetch(at(url, 'parts')));
  assert.ok(Array.isArray(listed.parts));
  assert.deepEqual(
    listed.parts.map(({ part_number, size }) => [part_number, size]),
    [
      [2, 8 * MIB],
      [3, MIB + 9],
    ],
  );
  await assertProblem(await post(url, 'complete', { parts }), 409, 'CONFLICT');
  parts.unshift(...(await sendParts(url, bytes, [1])));
  const first = await post(url, 'complete', { parts });
  assert.equal(first.status, 200);
  assert.equal((await json(first)).status, 'completed');
  assert.equal((await post(url, 'complete', { parts })).status, 200, 'again is the same');
  await assertCompleted(service, sessionId, bytes);
});

test('direct: initiating several times at once gives one upload, and the URLs of whoever was first are good', async (t) => {
  const service = await startS3Service(t, bucket);
  for (let round = 0; round < 5; round += 1) {
    const bytes = fakeMp4(9 * MIB);
    const body = { transfer: 'direct', expected_file_size: bytes.length };
    const key = { 'idempotency-key': randomUUID() };
    const asked = Array.from({ length: 6 }, () => service.initiate(body, key));
    const { upload_url } = await json(await Promise.race(asked));
    const parts = await sendParts(String(upload_url), bytes, [1, 2]);
    const answers = await Promise.all(asked);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.equal((await post(String(upload_url), 'complete', { parts })).status, 200);
  }
  assert.equal((await service.quota()).quota_used, 5 * 9 * MIB);
});

test('direct: completing at the same time counts once', async (t) => {
  const bytes = fakeMp4(9 * MIB);
  const { service, sessionId, url } = await initiateDirect(t, bytes);
  const parts = await sendParts(url, bytes, [1, 2]);
  const answers = await Promise.all([1, 2, 3].map(() => post(url, 'complete', { parts })));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  await assertCompleted(service, sessionId, bytes);
});

test('direct: what is no video, or not the declared file, is not counted and not kept', async (t) => {
  const page = Buffer.alloc(MIB, '<html>');
  const video = fakeMp4(MIB);
  for (const [bytes, more, status, code] of [
    [page, {}, 415, 'UNSUPPORTED_FORMAT'],
    [video, { file_format: 'webm' }, 415, 'UNSUPPORTED_FORMAT'],
    [video, { sha256: sha256(page) }, 422, 'DIGEST_MISMATCH'],
  ] as const) {
    const { service, sessionId, url } = await initiateDirect(t, bytes, more);
    const parts = await sendParts(url, bytes, [1]);
    await assertProblem(await post(url, 'complete', { parts }), status, code);
    assert.equal((await service.session(sessionId)).status, 'failed');
    assert.deepEqual(await storedOf(sessionId), []);
    assert.equal((await service.quota()).quota_used, 0);
  }
});

test('direct: a cancelled upload keeps its reservation while its URLs live, and they store nothing', async (t) => {
  const bytes = fakeMp4(MIB);
  const { service, sessionId, url } = await initiateDirect(t, bytes);
  const signed = await json(await post(url, 'parts', { part_numbers: [1] }));
  assert.ok(Array.isArray(signed.parts));
  assert.equal((await fetch(url, { method: 'DELETE' })).status, 204);
  assert.equal((await service.session(sessionId)).status, 'cancelled');
  assert.equal((await service.quota()).quota_reserved, MIB);
  assert.equal((await fetch(signed.parts[0].url, { method: 'PUT', body: bytes })).status, 404);
  assert.deepEqual(await storedOf(sessionId), []);
  await assertProblem(await post(url, 'parts', { part_numbers: [1] }), 410, 'SESSION_EXPIRED');

  const { url: unsigned } = await initiate(service, { transfer: 'direct', expected_file_size: MIB });
  assert.equal((await fetch(unsigned, { method: 'DELETE' })).status, 204);
  assert.equal((await service.quota()).quota_reserved, MIB, 'where no URL was given, nothing is held');
});

test('direct: the words of Uppy are taken from whoever holds the upload_url, and from nobody else', async (t) => {
  const bytes = fakeMp4(9 * MIB);
  const { service, sessionId, url } = await initiateDirect(t, bytes);
  const root = `${service.url}/v1/uploads/s3/multipart`;
  const headers = { 'content-type': 'application/json' };
  const create = (upload_url: string) =>
    fetch(root, { method: 'POST', headers, body: JSON.stringify({ metadata: { upload_url } }) });
  const { key, uploadId } = await json(await create(url));
  assert.equal(uploadId, sessionId);
  assert.equal((await fetch(`${root}/${sessionId}/1?key=${key}`)).status, 200);
  await assertProblem(await fetch(`${root}/${sessionId}/3?key=${key}`), 400, 'INVALID_REQUEST');
  await assertProblem(await fetch(`${root}/${sessionId}/0?key=${key}`), 400, 'INVALID_REQUEST');
  await assertProblem(await fetch(`${root}/${sessionId}/1?key=x${key}`), 403, 'UNAUTHORIZED_ACCESS');
  await assertProblem(await fetch(`${root}/${sessionId}/1?key=`), 403, 'UNAUTHORIZED_ACCESS');
  await assertProblem(await create(url.replace(/token=./, 'token=x')), 403, 'UNAUTHORIZED_ACCESS');
  await assertProblem(await create('https://example.org/'), 400, 'INVALID_REQUEST');
  const { url: plain } = await initiate(service, { expected_file_size: MIB });
  await assertProblem(await create(plain), 409, 'CONFLICT');
});

test('direct: bad requests change nothing', async (t) => {
  const bytes = fakeMp4(9 * MIB);
  const { service, sessionId, url } = await initiateDirect(t, bytes);
  for (const body of [
    {},
    { part_numbers: [] },
    { part_numbers: [0] },
    { part_numbers: [3] },
    { part_numbers: ['1'] },
  ]) {
    await assertProblem(await post(url, 'parts', body), 400, 'INVALID_REQUEST');
  }
  await assertProblem(await post(url, 'complete', { parts: [{ part_number: 1 }] }), 400, 'INVALID_REQUEST');
  await assertProblem(await fetch(url, { method: 'PUT', body: bytes }), 409, 'CONFLICT');
  await assertProblem(
    await post(url.replace(/token=./, 'token=x'), 'parts', { part_numbers: [1] }),
    403,
    'UNAUTHORIZED_ACCESS',
  );
  const { url: plain } = await initiate(service, { expected_file_size: MIB });
  await assertProblem(await post(plain, 'parts', { part_numbers: [1] }), 409, 'CONFLICT');
  await assertProblem(await service.initiate({ transfer: 'direct' }), 400, 'INVALID_REQUEST');
  const { status, upload_offset } = await service.session(sessionId);
  assert.deepEqual({ status, upload_offset }, { status: 'active', upload_offset: 0 });
});
