import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunked, exchange } from '../protocols/raw-http.ts';
import { assertCompleted, offsetOf, PATCH, patch, sendPart } from './running.ts';
import { fakeMp4, startService } from './service.ts';

const FILE = fakeMp4(2_500_000);

for (const sent of [1, 2, 4095, 4096, 4097, 65_536, 70_001, 1_048_577, 2_499_999]) {
  test(`a request cut after ${sent} bytes keeps them all, and the upload resumes there`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const headers = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };
    const client = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, sent));
    client.hangUp();
    await client.closed;
    await service.happened((event) => event.type === 'progress' && event.uploadOffset === sent);

    assert.equal(await offsetOf(service, session), sent);
    assert.equal((await patch(service, session, sent, FILE.subarray(sent))).status, 204);
    await assertCompleted(service, session, FILE);
  });
}

test('a chunked PUT without its end is not complete; its bytes stay', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const body = chunked(FILE.subarray(0, 300_000), { end: false });
  const client = await sendPart(service, session, 'PUT', { 'transfer-encoding': 'chunked' }, body);
  client.hangUp();
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 300_000);
  const found = await service.find(session);
  assert.equal(found.status, 'active');
  assert.equal(found.sealed, false);
});

test('a client that reaches the known length and dies without hearing so has uploaded its file', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { ...PATCH, 'upload-offset': 0, 'transfer-encoding': 'chunked' };
  const client = await sendPart(service, session, 'PATCH', headers, chunked(FILE, { end: false }));
  client.hangUp();
  await service.happened((event) => event.type === 'completed');
  await assertCompleted(service, session, FILE);
});

test('bytes that trickle in are acknowledged while the request runs', async (t) => {
  const service = await startService(t, { engine: { commitIntervalMs: 20 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };
  const client = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, 5000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 5000);
  assert.equal(await offsetOf(service, session), 5000);
  await client.send(FILE.subarray(5000));
  assert.equal((await client.answer()).status, 204);
  await assertCompleted(service, session, FILE);
  client.socket.destroy();
});

for (const [why, engine] of [
  ['sends nothing any more', { idleTimeoutMs: 100, commitIntervalMs: 20 }],
  ['sends too slowly', { minimumRateWindowMs: 100, minimumBytesPerSecond: 1 << 20, commitIntervalMs: 20 }],
] as const) {
  test(`a client that ${why} is cut off, and its bytes are kept`, async (t) => {
    const service = await startService(t, { engine });
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const headers = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };
    const client = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, 5000));
    await client.closed;
    await service.happened((event) => event.type === 'progress' && event.uploadOffset === 5000);
    assert.equal(await offsetOf(service, session), 5000);
  });
}

test('stopping the service acknowledges what came in, and the upload resumes in the next process', async (t) => {
  const service = await startService(t, { engine: { commitIntervalMs: 20 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };
  const client = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, 5000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 5000);
  await service.engine.close(2000);
  const answer = await client.answer();
  assert.equal(answer.status, 503);
  assert.equal(answer.headers['retry-after'], '1');
  const stored = (await service.find(session)).uploadOffset;
  assert.equal(stored, 5000);
  assert.equal((await patch(service, session, stored, FILE.subarray(stored))).status, 503);
  await service.stop();

  const next = await startService(t, { folder: service.folder });
  assert.equal(await offsetOf(next, session), stored);
  assert.equal((await patch(next, session, stored, FILE.subarray(stored))).status, 204);
  assert.equal((await next.find(session)).status, 'completed');
});

test('many uploads at once, cut and resumed at different bytes, end as they were sent', async (t) => {
  const service = await startService(t);
  const uploads = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const file = fakeMp4(200_000 + n * 7919);
      const session = await service.newSession({ expectedFileSize: file.length });
      const cut = 1 + n * 9973;
      const headers = { ...PATCH, 'upload-offset': 0, 'content-length': file.length };
      const client = await sendPart(service, session, 'PATCH', headers, file.subarray(0, cut));
      client.hangUp();
      await service.happened((event) => event.sessionId === session.sessionId && event.uploadOffset === cut);
      const answer = await patch(service, session, cut, file.subarray(cut));
      assert.equal(answer.status, 204);
      return { session, file };
    }),
  );
  for (const { session, file } of uploads) {
    const status = await exchange(service.port, 'GET', service.target(session));
    assert.equal(status.json().status, 'completed');
    assert.equal(status.json().upload_offset, file.length);
  }
});
