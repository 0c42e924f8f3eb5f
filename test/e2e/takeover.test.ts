import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { answerTo, offsetOf, openPatch, openUpload, patchRest, writeOut } from './client.ts';
import { twoServices } from './two-services.ts';
import { until } from './until.ts';
import { videoOf } from './videos.ts';

const SIZE = 4_000_000;

test('a newcomer at another process goes on within a second, with all bytes that the holder had', async (t) => {
  const { first, second, client, at, assertCompleted } = await twoServices(t);
  const file = videoOf(SIZE, 1);
  const session = await client.session(SIZE);
  const old = openPatch(at(first, session), 0, SIZE);
  const toldOld = answerTo(old);
  await writeOut(old, file.subarray(0, 1_200_000));
  await until('the holder acknowledges', async () => (await offsetOf(session.url)) === 1_200_000);
  // Less than a batch, and before the next second: only stopping acknowledges them.
  await writeOut(old, file.subarray(1_200_000, 1_500_000));
  const seen = await offsetOf(at(second, session));

  const elapsedMs = startStopwatch();
  const request = openPatch(at(second, session), seen, SIZE - seen);
  request.end(file.subarray(seen));
  const answer = await answerTo(request);
  const offset = Number(answer.headers['upload-offset']);
  if (answer.statusCode === 409) assert.equal(await patchRest(at(second, session), file, offset), 204);
  const took = elapsedMs();
  assert.ok(answer.statusCode === 204 || offset === 1_500_000, `${answer.statusCode} at ${offset}`);
  assert.ok(took < 1000, `it took ${took} ms`);

  const told = await toldOld;
  assert.equal(told.statusCode, 409);
  assert.equal(JSON.parse(told.text).error_code, 'CONFLICT');
  await assertCompleted(session, file);
});

test('a DELETE at another process stops the running writer at once', async (t) => {
  const { first, second, client, at } = await twoServices(t);
  const session = await client.session(SIZE);
  const old = openPatch(at(first, session), 0, SIZE);
  await writeOut(old, videoOf(SIZE, 2).subarray(0, 1_200_000));
  await until('the holder acknowledges', async () => (await offsetOf(session.url)) === 1_200_000);

  const elapsedMs = startStopwatch();
  const [answer, told] = await Promise.all([
    answerTo(openUpload(at(second, session), 'DELETE', {}).end()),
    answerTo(old),
  ]);
  assert.ok(elapsedMs() < 1000);
  assert.equal(answer.statusCode, 204);
  assert.equal(told.statusCode, 410);
  const quota = await client.quota();
  assert.deepEqual([quota.quota_used, quota.quota_reserved], [0, 0]);
});

test('HEAD and status at another process never stop the writer', async (t) => {
  const { first, second, client, at, assertCompleted } = await twoServices(t);
  const file = videoOf(SIZE, 3);
  const session = await client.session(SIZE);
  const request = openPatch(at(first, session), 0, SIZE);
  // With the last byte it is answered, whatever is asked at the other process meanwhile.
  const answer = answerTo(request);
  for (let sent = 0; sent < SIZE; sent += 500_000) {
    await writeOut(request, file.subarray(sent, sent + 500_000));
    await offsetOf(at(second, session));
    assert.equal((await fetch(at(second, session), { method: 'HEAD' })).status, 200);
    assert.equal((await fetch(at(second, session))).status, 200);
  }
  request.end();
  assert.equal((await answer).statusCode, 204);
  await assertCompleted(session, file);
});

for (const wakesUp of ['while the newcomer writes', 'after the upload is complete']) {
  test(`a holder that hangs is passed over, and is harmless when it wakes up ${wakesUp}`, async (t) => {
    const { first, second, client, at, assertCompleted } = await twoServices(t);
    const file = videoOf(SIZE, 4);
    const session = await client.session(SIZE);
    const old = openPatch(at(first, session), 0, SIZE);
    await writeOut(old, file.subarray(0, 1_200_000));
    await until('the holder acknowledges', async () => (await offsetOf(session.url)) === 1_200_000);
    process.kill(first.pid, 'SIGSTOP');
    try {
      // What it will find when it wakes up: bytes that are not the file's.
      old.write(Buffer.alloc(1_500_000, 0xee));
      const elapsedMs = startStopwatch();
      const here = at(second, session);
      const half = openPatch(here, 1_200_000, 1_000_000);
      half.end(file.subarray(1_200_000, 2_200_000));
      assert.equal((await answerTo(half)).statusCode, 204);
      assert.ok(elapsedMs() < 1300, `it took ${elapsedMs()} ms`);
      if (wakesUp === 'after the upload is complete') {
        assert.equal(await patchRest(here, file, 2_200_000), 204);
      }
      process.kill(first.pid, 'SIGCONT');
      const answer = await answerTo(old);
      assert.ok([409, 413].includes(answer.statusCode ?? 0), `the old writer was told ${answer.statusCode}`);
      if (wakesUp === 'while the newcomer writes') {
        assert.equal(await offsetOf(here), 2_200_000);
        assert.equal(await patchRest(here, file, 2_200_000), 204);
      }
    } finally {
      process.kill(first.pid, 'SIGCONT');
    }
    await assertCompleted(session, file);
  });
}

test('after the death of the holder the next process goes on from what it acknowledged', async (t) => {
  const { first, second, client, at } = await twoServices(t);
  const file = videoOf(SIZE, 5);
  const session = await client.session(SIZE);
  const old = openPatch(at(first, session), 0, SIZE);
  const ended = answerTo(old).catch(() => {});
  await writeOut(old, file.subarray(0, 1_200_000));
  await until('the holder acknowledges', async () => (await offsetOf(session.url)) === 1_200_000);
  await first.kill('SIGKILL');
  await ended;
  const elapsedMs = startStopwatch();
  assert.equal(await patchRest(at(second, session), file, 1_200_000), 204);
  assert.ok(elapsedMs() < 1000);
});
