import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Upload, type UploadOptions } from 'tus-js-client';
import { seededRandom } from './helpers/random.ts';
import { startedService, storedDigest } from './helpers/service.ts';
import { sha256Of, videoBytes } from './helpers/videos.ts';

const service = startedService();
const random = seededRandom(7);

/** tus-js-client as it is, sending a file in three pieces side by side; resolves with the final upload's URL. */
function uploadInParallel(user: string, bytes: Uint8Array, more: Partial<UploadOptions> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const upload: Upload = new Upload(Buffer.from(bytes), {
    endpoint: `${service.url}/v1/uploads`,
    parallelUploads: 3,
    retryDelays: [20, 50, 100, 200, 400, 800],
    metadata: { filename: 'parallel.mp4', filetype: 'video/mp4' },
    headers: { authorization: `Bearer ${service.token(user)}` },
    onSuccess: () => resolve(upload.url ?? ''),
    onError: reject,
    ...more,
  });
  upload.start();
  return { upload, done: promise };
}

const sessionIn = (url: string) => /uploads\/([0-9a-f-]{36})/.exec(url)?.[1] ?? '';

async function assertStored(user: string, url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  assert.equal(await storedDigest(service.process, sessionIn(url)), await sha256Of(new Blob([bytes])));
  const quota = await service.client({ user }).quota();
  const { quota_used, quota_reserved, active_sessions } = quota;
  assert.deepEqual([quota_used, quota_reserved, active_sessions], [bytes.length, 0, 0]);
}

test('tus-js-client with parallelUploads: the pieces become the file that was sent, counted once', async () => {
  const user = randomUUID();
  const bytes = videoBytes(10_000_001, random);
  const url = await uploadInParallel(user, bytes).done;
  await assertStored(user, url, bytes);
});

test('tus-js-client with parallelUploads over a line that is cut resumes each of the pieces', async () => {
  const user = randomUUID();
  const bytes = videoBytes(9_000_000, random);
  const before = service.proxy.cuts;
  service.proxy.set({ kind: 'cut', random, maxBytes: 3_000_000 });
  const { promise, resolve } = Promise.withResolvers<string>();
  const { upload } = uploadInParallel(user, bytes, {
    retryDelays: Array.from({ length: 50 }, () => 50),
    onSuccess: () => resolve(upload.url ?? ''),
    // It never repeats the creation of the final upload by itself.
    onError: () => upload.start(),
    onProgress: () => {
      if (service.proxy.cuts - before >= 6) service.proxy.set({ kind: 'none' });
    },
  });
  const url = await promise;
  assert.ok(service.proxy.cuts > before);
  const { quota_used } = await service.client({ user }).quota();
  assert.equal(quota_used, bytes.length);
  assert.equal(await storedDigest(service.process, sessionIn(url)), await sha256Of(new Blob([bytes])));
});

test('started again after the last answer was lost, tus-js-client gets the same upload', async () => {
  const user = randomUUID();
  const bytes = videoBytes(3_000_000, random);
  let lost = 0;
  const first = Promise.withResolvers<void>();
  const again = Promise.withResolvers<string>();
  const { upload } = uploadInParallel(user, bytes, {
    onAfterResponse(request) {
      if (!request.getHeader('Upload-Concat')?.startsWith('final') || lost > 0) return;
      lost += 1;
      throw new Error('the answer got lost');
    },
    onSuccess: () => again.resolve(upload.url ?? ''),
    onError: () => first.resolve(),
  });
  await first.promise;
  assert.equal(lost, 1);
  upload.start();
  await assertStored(user, await again.promise, bytes);
});
