import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { isSluiceApiError } from '../src/node.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService } from './helpers/service.ts';
import { until } from './helpers/until.ts';
import { videoFile } from './helpers/videos.ts';

const QUOTA = 10_000_000;
const service = startedService({ UPLOAD_DEFAULT_QUOTA: String(QUOTA) });
const random = seededRandom(2);

test('a batch that fits is uploaded whole, as a batch', async () => {
  const client = service.client();
  const files = [1, 2, 3].map((n) => videoFile(`fits-${n}.mp4`, 1_000_000 * n, random));
  const batch = await client.uploadAll(files);
  assert.deepEqual(
    batch.plan.files.map(({ verdict }) => verdict),
    ['new', 'new', 'new'],
  );
  const results = await batch.done;
  const sessions = results.map((result) => (result.status === 'fulfilled' ? result.value : null));
  assert.deepEqual(
    sessions.map((session) => session?.filename),
    ['fits-1.mp4', 'fits-2.mp4', 'fits-3.mp4'],
  );
  assert.equal(sessions[0]?.dashboard_context.workflow_type, 'batch_upload');
  assert.equal((await client.quota()).quota_used, 6_000_000);
});

test('a batch that does not fit is refused before the first byte, and says which files would', async () => {
  const client = service.client();
  const files = [6, 5, 3].map((n) => videoFile(`big-${n}.mp4`, 1_000_000 * n, random));
  await assert.rejects(client.uploadAll(files), (error) => {
    assert.ok(isSluiceApiError(error));
    assert.equal(error.code, 'QUOTA_EXCEEDED');
    assert.equal(error.details.required, 14_000_000);
    return true;
  });
  assert.deepEqual(await client.sessions(), []);

  const plan = await client.plan(files);
  assert.equal(plan.fits, false);
  assert.deepEqual(
    plan.files.map(({ verdict }) => verdict),
    ['new', 'does_not_fit', 'new'],
  );

  const batch = await client.uploadAll(files, { onlyFitting: true });
  assert.equal(batch.uploads.length, 2);
  await batch.done;
  assert.equal((await client.quota()).quota_used, 9_000_000);
});

test('what a live session has reserved already counts once in the plan', async () => {
  const user = randomUUID();
  const file = videoFile('half.mp4', 8_000_000, random);
  service.proxy.set({ kind: 'hold', bytes: 1_000_000 });
  const stopped = new AbortController();
  const first = service.client({ user }).upload(file, { signal: stopped.signal });
  await until(first, ({ state, bytesUploaded }) => state === 'uploading' && bytesUploaded > 0);
  stopped.abort();
  await first.done.catch(() => {});
  service.proxy.set({ kind: 'none' });

  const client = service.client({ user });
  const plan = await client.plan([file, videoFile('small.mp4', 2_000_000, random)]);
  assert.equal(plan.fits, true);
  assert.equal(plan.requiredBytes, 2_000_000);
  assert.deepEqual(
    plan.files.map(({ verdict }) => verdict),
    ['resume', 'new'],
  );
  const batch = await client.uploadAll([file]);
  const [result] = await batch.done;
  assert.equal(result?.status, 'fulfilled');
  assert.equal(batch.uploads[0]?.snapshot().session?.resumed, true);
});

test('two files of the same name and size get a session each', async () => {
  const client = service.client();
  const files = [1, 2].map(() => videoFile('same.mp4', 500_000, random));
  const results = await (await client.uploadAll(files)).done;
  const ids = results.map((result) => (result.status === 'fulfilled' ? result.value.session_id : null));
  assert.equal(new Set(ids).size, 2);
  assert.equal((await client.quota()).quota_used, 1_000_000);
});

test('quota that ran out in between fails that file at once, with the time when it could succeed', async () => {
  const client = service.client();
  await client.upload(videoFile('most.mp4', 9_500_000, random)).done;
  const upload = client.upload(videoFile('more.mp4', 1_000_000, random));
  await assert.rejects(upload.done, (error) => {
    assert.ok(isSluiceApiError(error));
    assert.equal(error.code, 'QUOTA_EXCEEDED');
    assert.ok((error.retryAfterSeconds ?? 0) > 3600);
    return true;
  });
});
