import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { BlobStore } from '../../src/core/ports.ts';
import type { Session } from '../../src/core/session.ts';
import { threadWhereItPays } from '../../src/engine/hashing.ts';
import { chunked, exchange } from '../protocols/raw-http.ts';
import { assertCompleted, offsetOf, PATCH, patch, sendPart } from './running.ts';
import { fakeMp4, type Service, startService } from './service.ts';
import { watchHashing } from './watched-hashing.ts';

const FILE = fakeMp4(5_000_001);
const PART = 2_100_000;

/** Tells how often stored bytes were read again. */
function countReads() {
  const count = { reads: 0 };
  const wrapBlobs = (blobs: BlobStore): BlobStore => ({
    ...blobs,
    read(...args) {
      count.reads += 1;
      return blobs.read(...args);
    },
  });
  return { count, wrapBlobs };
}

/** Send the first part of a PATCH of all, hang up, and wait until it is acknowledged. */
async function sendAndHangUp(service: Service, session: Session): Promise<void> {
  const headers = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };
  const client = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, PART));
  client.hangUp();
  await client.closed;
  const { sessionId } = session;
  await service.happened((event) => event.sessionId === sessionId && event.uploadOffset === PART);
  // Its writer has left once the offset can be asked for.
  assert.equal(await offsetOf(service, session), PART);
}

test('a large file is hashed in the hashing thread alone, by PUT, by PATCH and without a length', async (t) => {
  const hashing = watchHashing();
  const { count, wrapBlobs } = countReads();
  const service = await startService(t, { hashing, wrapBlobs });
  const one = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(service, one, 0, FILE)).status, 204);
  await assertCompleted(service, one, FILE);
  assert.equal(hashing.handedOver, FILE.length);

  const other = await service.newSession();
  const body = chunked(FILE);
  const client = await sendPart(service, other, 'PUT', { 'transfer-encoding': 'chunked' }, body);
  assert.equal((await client.answer()).status, 201);
  assert.equal((await service.find(other)).contentSha256, (await service.find(one)).contentSha256);
  client.hangUp();

  const third = await service.newSession();
  assert.equal((await exchange(service.port, 'PUT', service.target(third), {}, FILE)).status, 201);
  assert.equal((await service.find(third)).contentSha256, (await service.find(one)).contentSha256);
  assert.deepEqual([hashing.threads.length, hashing.held, count.reads], [1, 0, 0]);
});

test('small files start no thread', async (t) => {
  const hashing = watchHashing();
  const service = await startService(t, { hashing });
  const file = fakeMp4(100_000);
  const session = await service.newSession({ expectedFileSize: file.length });
  assert.equal((await patch(service, session, 0, file)).status, 204);
  const other = await service.newSession();
  assert.equal((await exchange(service.port, 'PUT', service.target(other), {}, file)).status, 201);
  assert.equal((await service.find(other)).contentSha256, (await service.find(session)).contentSha256);
  assert.equal(hashing.threads.length, 0);
});

test('a large file that is cut and resumed in the same process is hashed on, and not read again', async (t) => {
  const hashing = watchHashing();
  const { count, wrapBlobs } = countReads();
  const service = await startService(t, { hashing, wrapBlobs });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await sendAndHangUp(service, session);
  assert.equal(hashing.held, 1);
  assert.equal((await patch(service, session, PART, FILE.subarray(PART))).status, 204);
  await assertCompleted(service, session, FILE);
  assert.deepEqual([hashing.threads.length, hashing.held, count.reads], [1, 0, 0]);
});

test('a large file that another process resumes has the right digest', async (t) => {
  const service = await startService(t, { hashing: watchHashing() });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await sendAndHangUp(service, session);
  await service.stop();

  const hashing = watchHashing();
  const next = await startService(t, { folder: service.folder, hashing });
  assert.equal((await patch(next, session, PART, FILE.subarray(PART))).status, 204);
  const { contentSha256 } = await next.find(session);
  const whole = await next.newSession();
  assert.equal((await exchange(next.port, 'PUT', next.target(whole), {}, FILE)).status, 201);
  assert.equal(contentSha256, (await next.find(whole)).contentSha256);
  assert.equal(hashing.held, 0);
});

test('a hashing thread that dies in mid-upload loses no byte and no digest, and the next upload has another', async (t) => {
  const hashing = watchHashing();
  const service = await startService(t, { hashing, engine: { commitIntervalMs: 20 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };
  const client = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, PART));
  await service.happened((event) => event.uploadOffset === PART);
  assert.equal(hashing.held, 1);
  await hashing.kill();
  await client.send(FILE.subarray(PART));
  assert.equal((await client.answer()).status, 204);
  await assertCompleted(service, session, FILE);
  client.hangUp();

  const next = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(service, next, 0, FILE)).status, 204);
  assert.equal((await service.find(next)).contentSha256, (await service.find(session)).contentSha256);
  assert.equal(hashing.threads.length, 2);
});

test('an interrupted upload whose thread dies before it is resumed has the right digest', async (t) => {
  const hashing = watchHashing();
  const service = await startService(t, { hashing });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await sendAndHangUp(service, session);
  await hashing.kill();
  assert.equal((await patch(service, session, PART, FILE.subarray(PART))).status, 204);
  await assertCompleted(service, session, FILE);
});

test('an upload that is cancelled, or begun anew, leaves no state in the thread', async (t) => {
  const hashing = watchHashing();
  const service = await startService(t, { hashing });
  const cancelled = await service.newSession({ expectedFileSize: FILE.length });
  await sendAndHangUp(service, cancelled);
  const answer = await exchange(service.port, 'DELETE', service.target(cancelled));
  assert.equal(answer.status, 204);
  assert.equal(hashing.held, 0);

  const anew = await service.newSession({ expectedFileSize: FILE.length });
  await sendAndHangUp(service, anew);
  assert.equal((await exchange(service.port, 'PUT', service.target(anew), {}, FILE)).status, 201);
  await assertCompleted(service, anew, FILE);
  assert.equal(hashing.held, 0);
});

test('a large file whose checksum does not match leaves no state in the thread', async (t) => {
  const hashing = watchHashing();
  const service = await startService(t, { hashing });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const wrong = createHash('sha256').update('something else').digest('base64');
  const headers = { ...PATCH, 'upload-offset': 0, 'upload-checksum': `sha256 ${wrong}` };
  const answer = await exchange(service.port, 'PATCH', service.target(session), headers, FILE);
  assert.equal(answer.status, 460);
  assert.equal(hashing.handedOver, FILE.length);
  assert.equal(hashing.held, 0);
  assert.equal((await patch(service, session, 0, FILE)).status, 204);
  await assertCompleted(service, session, FILE);
});

test('closing the engine ends the thread', async (t) => {
  const hashing = watchHashing();
  const service = await startService(t, { hashing });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(service, session, 0, FILE)).status, 204);
  const [thread] = hashing.threads;
  const ended = new Promise((resolve) => thread?.once('exit', resolve));
  await service.engine.close(1000);
  await ended;
  assert.equal(thread?.threadId, -1);
});

test('a machine of few cores hashes where it receives what it does not store in files, and one core everything', async () => {
  assert.equal(threadWhereItPays('disk', 1), null);
  assert.equal(threadWhereItPays('s3', 2), null);
  for (const threaded of [threadWhereItPays('disk', 2), threadWhereItPays('s3', 4)]) {
    assert.ok(threaded);
    await threaded.close();
  }
});
