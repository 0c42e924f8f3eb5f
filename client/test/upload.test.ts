import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { UploadSnapshot, UploadState } from '../src/node.ts';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService, storedDigest } from './helpers/service.ts';
import { until } from './helpers/until.ts';
import { sha256Of, videoFile } from './helpers/videos.ts';

const service = startedService();
const random = seededRandom(1);

/** Every upload that begins now stands still after 1 MB, until `release`. */
function hold(): void {
  service.proxy.set({ kind: 'hold', bytes: 1_000_000 });
}

function release(): void {
  service.proxy.set({ kind: 'none' });
}

const isUnderWay = (snapshot: UploadSnapshot) => snapshot.bytesUploaded > 0 && snapshot.state === 'uploading';

test('an upload ends with the completed session, and the stored file is the one sent', async () => {
  const client = service.client();
  const file = videoFile('holiday.mp4', 3_000_000, random);
  const states: UploadState[] = [];
  const seen: number[] = [];
  const session = await client.upload(file, {
    context: { source_section: 'field_trips', metadata: { trip: 7 } },
    onState: (state) => states.push(state),
    onProgress: ({ bytesUploaded }) => seen.push(bytesUploaded),
  }).done;

  assert.equal(session.status, 'completed');
  assert.equal(session.filename, 'holiday.mp4');
  assert.deepEqual(session.dashboard_context, {
    source_section: 'field_trips',
    workflow_type: 'single_upload',
    metadata: { trip: 7 },
  });
  assert.equal(session.sha256, await sha256Of(file));
  assert.equal(await storedDigest(service.process, session.session_id), await sha256Of(file));
  assert.deepEqual(states, ['uploading', 'verifying', 'done']);
  assert.equal(seen.at(-1), 3_000_000);
  assert.equal((await client.quota()).quota_used, 3_000_000);
});

test('with sha256 the file is hashed first, the digest declared, and the session compared with it', async () => {
  const file = videoFile('hashed.mp4', 2_000_000, random);
  const states: UploadState[] = [];
  const upload = service.client().upload(file, { sha256: true, onState: (state) => states.push(state) });
  const session = await upload.done;
  assert.equal(session.sha256, await sha256Of(file));
  assert.deepEqual(states, ['hashing', 'waiting', 'uploading', 'verifying', 'done']);
  assert.equal(upload.snapshot().bytesHashed, 2_000_000);
});

test('a file that is no video fails with the code that the service gave', async () => {
  const upload = service.client().upload(new File(['only text '.repeat(1000)], 'text.mp4'));
  await assert.rejects(upload.done, hasCode('UNSUPPORTED_FORMAT'));
  assert.equal(upload.snapshot().state, 'failed');
  assert.equal(upload.snapshot().error?.code, 'UNSUPPORTED_FORMAT');
});

test('a pause stops the bytes and keeps the session, and resuming goes on with it', async () => {
  hold();
  const client = service.client();
  const file = videoFile('paused.mp4', 20_000_000, random);
  const upload = client.upload(file);
  await until(upload, isUnderWay);
  upload.pause();
  await until(upload, (snapshot) => snapshot.state === 'paused');
  const [live] = await client.sessions();
  assert.equal(live?.session_id, upload.snapshot().session?.sessionId);
  assert.ok((live?.upload_offset ?? 0) < file.size);

  release();
  upload.resume();
  const session = await upload.done;
  assert.equal(session.session_id, live?.session_id);
  assert.equal(session.sha256, await sha256Of(file));
});

test('an upload paused before it began does not begin', async () => {
  const client = service.client();
  const upload = client.upload(videoFile('early.mp4', 1000, random));
  upload.pause();
  await until(upload, (snapshot) => snapshot.state === 'paused');
  assert.deepEqual(await client.sessions(), []);
  upload.resume();
  assert.equal((await upload.done).status, 'completed');
});

test('pause, resume and cancel in one breath end as the last word says', async () => {
  hold();
  const client = service.client();
  const resumed = client.upload(videoFile('breath-1.mp4', 3_000_000, random));
  const paused = client.upload(videoFile('breath-2.mp4', 3_000_000, random));
  const cancelled = client.upload(videoFile('breath-3.mp4', 3_000_000, random));
  await Promise.all([resumed, paused, cancelled].map((upload) => until(upload, isUnderWay)));
  release();
  for (const upload of [resumed, paused, cancelled]) upload.pause();
  resumed.resume();
  paused.resume();
  paused.pause();
  await cancelled.cancel();
  assert.equal(cancelled.snapshot().state, 'cancelled');
  assert.equal((await resumed.done).status, 'completed');
  assert.equal(paused.snapshot().state, 'paused');
  await paused.cancel();
  assert.equal((await client.quota()).quota_reserved, 0);
});

test('cancel gives the reservation back', async () => {
  hold();
  const client = service.client();
  const upload = client.upload(videoFile('cancelled.mp4', 20_000_000, random));
  await until(upload, isUnderWay);
  await upload.cancel();
  assert.equal(upload.snapshot().state, 'cancelled');
  await assert.rejects(upload.done, hasCode('UPLOAD_CANCELLED'));
  assert.equal((await client.quota()).quota_reserved, 0);
  const ended = await client.session(upload.snapshot().session?.sessionId ?? '');
  assert.equal(ended.status, 'cancelled');
});

test('a cancel while the session is being reserved gives it back too', async () => {
  const client = service.client();
  const upload = client.upload(videoFile('hasty.mp4', 1_000_000, random), { resume: 'never' });
  await Promise.resolve();
  await Promise.resolve();
  await upload.cancel();
  await assert.rejects(upload.done, hasCode('UPLOAD_CANCELLED'));
  assert.equal((await client.quota()).quota_reserved, 0);
});

test('an upload paused while its session is being reserved knows the session all the same', async () => {
  const asked = Promise.withResolvers<void>();
  const token = Promise.withResolvers<string>();
  const client = service.client({
    getToken() {
      asked.resolve();
      return token.promise;
    },
  });
  const upload = client.upload(videoFile('quick-finger.mp4', 1_000_000, random), { resume: 'never' });
  await asked.promise;
  upload.pause();
  await until(upload, ({ state }) => state === 'paused');
  token.resolve(service.token());
  await until(upload, ({ session }) => session !== null);
  assert.equal(upload.snapshot().state, 'paused');
  upload.resume();
  assert.equal((await upload.done).session_id, upload.snapshot().session?.sessionId);
});

test('an aborted signal leaves a session that another client goes on with', async () => {
  const user = randomUUID();
  hold();
  const client = service.client({ user });
  const file = videoFile('moved.mp4', 20_000_000, random);
  const stopped = new AbortController();
  const first = client.upload(file, { signal: stopped.signal });
  await until(first, isUnderWay);
  stopped.abort(new Error('gone home'));
  await assert.rejects(first.done, /gone home/);
  assert.equal(first.snapshot().state, 'paused');

  release();
  const second = service.client({ user }).upload(file);
  const session = await second.done;
  assert.equal(session.session_id, first.snapshot().session?.sessionId);
  assert.equal(second.snapshot().session?.resumed, true);
  assert.equal(session.sha256, await sha256Of(file));
});

test('a session that declared a digest is not fed with another file of the same name and size', async () => {
  const user = randomUUID();
  hold();
  const slow = service.client({ user });
  const stopped = new AbortController();
  const first = slow.upload(videoFile('twin.mp4', 20_000_000, random), {
    sha256: true,
    signal: stopped.signal,
  });
  await until(first, isUnderWay);
  stopped.abort();
  await first.done.catch(() => {});

  release();
  const twin = videoFile('twin.mp4', 20_000_000, random);
  const client = service.client({ user });
  const [live] = await client.sessions();
  assert.ok(live);
  await assert.rejects(client.upload(twin, { resume: live }).done, hasCode('WRONG_FILE'));
  const session = await client.upload(twin).done;
  assert.notEqual(session.session_id, first.snapshot().session?.sessionId);
  assert.equal(session.sha256, await sha256Of(twin));
});

test('a session that runs already is not taken a second time by the same client', async () => {
  hold();
  const client = service.client();
  const file = videoFile('double.mp4', 20_000_000, random);
  const first = client.upload(file);
  await until(first, isUnderWay);
  const [live] = await client.sessions();
  assert.ok(live);
  await assert.rejects(client.upload(file, { resume: live }).done, hasCode('UPLOAD_IN_USE'));
  const second = client.upload(file);
  await until(second, (snapshot) => snapshot.session !== null);
  assert.notEqual(second.snapshot().session?.sessionId, first.snapshot().session?.sessionId);
  release();
  await Promise.all([first.done, second.done]);
});

test('where another device takes the upload over, this one gives way instead of fighting', async () => {
  hold();
  const user = randomUUID();
  const file = videoFile('two-devices.mp4', 20_000_000, random);
  const here = service.client({ user }).upload(file);
  await until(here, isUnderWay);
  const there = service.client({ user, baseUrl: service.process.url });
  const [live] = await there.sessions();
  assert.ok(live?.upload_url);
  // The other device's connection has no fault.
  const uploadUrl = live.upload_url.replace(service.url, service.process.url);
  const upload = there.upload(file, { resume: { ...live, upload_url: uploadUrl } });
  await assert.rejects(here.done, hasCode('UPLOAD_IN_USE'));
  assert.equal(here.snapshot().state, 'failed');
  const session = await upload.done;
  assert.equal(session.session_id, live.session_id);
  assert.equal(session.sha256, await sha256Of(file));
});

test('a session that was cancelled elsewhere ends the upload as cancelled', async () => {
  hold();
  const client = service.client();
  const upload = client.upload(videoFile('elsewhere.mp4', 20_000_000, random));
  await until(upload, isUnderWay);
  const response = await fetch(upload.snapshot().session?.uploadUrl ?? '', { method: 'DELETE' });
  assert.equal(response.status, 204);
  await assert.rejects(upload.done, hasCode('UPLOAD_CANCELLED'));
  assert.equal(upload.snapshot().state, 'cancelled');
});

test('retry after an end begins anew', async () => {
  const client = service.client();
  const upload = client.upload(videoFile('again.mp4', 1_000_000, random));
  await upload.cancel();
  upload.retry();
  const session = await upload.done;
  assert.equal(session.status, 'completed');
  assert.equal(upload.snapshot().state, 'done');
});

test('no more uploads than the limit run at the same time, whoever started them', async () => {
  const client = service.client({ concurrency: 2 });
  let running = 0;
  let most = 0;
  const uploads = Array.from({ length: 6 }, (_, index) =>
    client.upload(videoFile(`many-${index}.mp4`, 2_000_000, random), {
      onState: (state) => {
        if (state === 'uploading') running += 1;
        if (state === 'done') running -= 1;
        most = Math.max(most, running);
      },
    }),
  );
  await Promise.all(uploads.map((upload) => upload.done));
  assert.equal(most, 2);
});

test('a token is asked for again when it was refused, and only then', async () => {
  const user = randomUUID();
  const asked: boolean[] = [];
  const client = service.client({
    baseUrl: service.process.url,
    getToken: ({ refresh }) => {
      asked.push(refresh);
      return service.process.token({ user, ttl: refresh ? 3600 : -3600 });
    },
  });
  assert.equal((await client.quota()).quota_used, 0);
  assert.deepEqual(asked, [false, true]);
});

test('without a good token the refusal is typed', async () => {
  await assert.rejects(service.client({ token: 'nonsense' }).quota(), hasCode('UNAUTHENTICATED'));
});
