import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { chunked, exchange, head, rawClient } from '../protocols/raw-http.ts';
import { assertCompleted, assertFailed, assertQuota, offsetOf, PATCH, patch, sendPart } from './running.ts';
import { fakeMp4, startService } from './service.ts';

const fixture = (name: string) => readFile(new URL(`../fixtures/${name}`, import.meta.url));
const FILE = fakeMp4(200_000);

for (const size of [16_384, 100_000]) {
  test(`a chunked body in pieces of ${size} past the maximum is 413, and nothing beyond is stored`, async (t) => {
    const service = await startService(t, { limits: { maxFileSize: 150_000 } });
    const session = await service.newSession();
    const body = chunked(FILE, { size });
    const answer = await exchange(
      service.port,
      'PUT',
      service.target(session),
      { 'transfer-encoding': 'chunked' },
      body,
    ).catch((fault) => assert.fail(String(fault)));
    assert.equal(answer.status, 413);
    assert.equal(answer.json().error_code, 'FILE_TOO_LARGE');
    const found = await service.find(session);
    assert.equal(found.status, 'active');
    assert.ok(found.uploadOffset <= 150_000);
    await assertQuota(service, { used: 0, reserved: 150_000 });
    assert.deepEqual(await service.finishedFiles(), []);
  });
}

test('a PATCH declared past the known length is 413 before a byte is read', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: 100_000 });
  const client = rawClient(service.port);
  const headers = { ...PATCH, 'upload-offset': 0, 'content-length': 100_001 };
  await client.send(head('PATCH', service.target(session), headers));
  assert.equal((await client.answer()).status, 413);
  assert.equal(await offsetOf(service, session), 0);
  client.socket.destroy();
});

test('a tus upload whose chunks go past its length never looks complete', async (t) => {
  const allStored = Promise.withResolvers<void>();
  const service = await startService(t, {
    engine: { commitIntervalMs: 20 },
    wrapBlobs: (blobs) => ({
      ...blobs,
      async open(ref, at) {
        const writer = await blobs.open(ref, at);
        return {
          ...writer,
          async write(chunks) {
            await writer.write(chunks);
            if (writer.progress().offset === 100_000) allStored.resolve();
          },
        };
      },
    }),
  });
  const session = await service.newSession({ expectedFileSize: 100_000 });
  const headers = { ...PATCH, 'upload-offset': 0, 'transfer-encoding': 'chunked' };
  const part = (from: number, to: number) => chunked(FILE.subarray(from, to), { end: false });
  const client = await sendPart(service, session, 'PATCH', headers, part(0, 90_000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 90_000);
  await client.send(part(90_000, 100_000));
  await allStored.promise;
  assert.equal((await service.find(session)).uploadOffset, 90_000);
  await client.send(part(100_000, 100_001));
  assert.equal((await client.answer()).status, 413);
  assert.equal(await offsetOf(service, session), 90_000);
  assert.equal((await patch(service, session, 90_000, FILE.subarray(90_000, 100_000))).status, 204);
  await assertCompleted(service, session, FILE.subarray(0, 100_000));
  client.socket.destroy();
});

test('a reservation that a told length made small grows again for a longer file', async (t) => {
  const service = await startService(t, { limits: { maxFileSize: 150_000_000 } });
  const session = await service.newSession();
  const headers = { ...PATCH, 'upload-offset': 0, 'upload-length': 5000 };
  const told = await exchange(service.port, 'PATCH', service.target(session), headers, FILE.subarray(0, 10));
  assert.equal(told.status, 204);
  await assertQuota(service, { used: 0, reserved: 5000 });
  const chunkedPut = { 'transfer-encoding': 'chunked' };
  const put = await exchange(service.port, 'PUT', service.target(session), chunkedPut, chunked(FILE));
  assert.equal(put.status, 201);
  await assertCompleted(service, session, FILE);
});

test('where the quota has no room to grow into, the answer is 429 and the bytes so far stay', async (t) => {
  const service = await startService(t, { quota: 300_000 });
  const session = await service.newSession();
  const headers = { ...PATCH, 'upload-offset': 0, 'upload-length': 5000 };
  await exchange(service.port, 'PATCH', service.target(session), headers, FILE.subarray(0, 10));
  await service.newSession({ expectedFileSize: 290_000 });

  for (const [how, body] of [
    [{ 'content-length': FILE.length }, FILE],
    [{ 'transfer-encoding': 'chunked' }, chunked(FILE)],
  ] as const) {
    const answer = await exchange(service.port, 'PUT', service.target(session), how, body);
    assert.equal(answer.status, 429);
    assert.equal(answer.json().error_code, 'QUOTA_EXCEEDED');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
  await assertQuota(service, { used: 0, reserved: 295_000 });
});

for (const format of ['mp4', 'mov', 'avi', 'mkv', 'webm']) {
  test(`a real ${format} is recognised, whatever it is called, and completes`, async (t) => {
    const service = await startService(t);
    const file = await fixture(`sample.${format}`);
    const session = await service.newSession({ fileFormat: format, filename: 'x.txt' });
    const headers = { 'content-type': 'text/plain' };
    assert.equal((await exchange(service.port, 'PUT', service.target(session), headers, file)).status, 201);
    await assertCompleted(service, session, file, format);
  });
}

for (const [declared, sent] of [
  ['mp4', 'mov'],
  ['mov', 'mp4'],
] as const) {
  test(`a ${sent} declared as ${declared} is of the same family, and recorded as what it is`, async (t) => {
    const service = await startService(t);
    const file = await fixture(`sample.${sent}`);
    const session = await service.newSession({ fileFormat: declared });
    assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, file)).status, 201);
    await assertCompleted(service, session, file, sent);
  });
}

for (const name of ['text.mp4', 'page.html']) {
  test(`${name} is no video: 415, failed, deleted, its reservation released`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ fileFormat: 'mp4' });
    const send = async () => exchange(service.port, 'PUT', service.target(session), {}, await fixture(name));
    const answer = await send();
    assert.equal(answer.status, 415);
    assert.equal(answer.json().error_code, 'UNSUPPORTED_FORMAT');
    await assertFailed(service, session, 'UNSUPPORTED_FORMAT');
    assert.equal((await send()).status, 415);
  });
}

test('a webm declared as mp4 is 415', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ fileFormat: 'mp4' });
  const file = await fixture('sample.webm');
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, file)).status, 415);
  await assertFailed(service, session, 'UNSUPPORTED_FORMAT');
});

test('what is no video is refused at its first 4 KiB, though the client goes on sending', async (t) => {
  const service = await startService(t);
  const size = 50_000_000;
  const session = await service.newSession({ expectedFileSize: size });
  const client = await sendPart(service, session, 'PUT', { 'content-length': size }, Buffer.alloc(4096, 'a'));
  assert.equal((await client.answer()).status, 415);
  await assertFailed(service, session, 'UNSUPPORTED_FORMAT');
  client.socket.destroy();
});

test('the container is recognised though its first 4 KiB come in many requests', async (t) => {
  const service = await startService(t);
  const good = await service.newSession({ expectedFileSize: FILE.length });
  const bad = await service.newSession({ expectedFileSize: FILE.length });
  const noise = Buffer.alloc(FILE.length, 'a');
  for (const [from, to] of [
    [0, 3],
    [3, 1000],
    [1000, 4000],
  ] as const) {
    assert.equal((await patch(service, good, from, FILE.subarray(from, to))).status, 204);
    assert.equal((await patch(service, bad, from, noise.subarray(from, to))).status, 204);
  }
  assert.equal((await patch(service, bad, 4000, noise.subarray(4000))).status, 415);
  assert.equal((await service.find(bad)).status, 'failed');
  assert.equal((await patch(service, good, 4000, FILE.subarray(4000))).status, 204);
  await assertCompleted(service, good, FILE);
});

test('a file shorter than 4 KiB is recognised at its end', async (t) => {
  const service = await startService(t);
  const file = fakeMp4(100);
  const session = await service.newSession();
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, file)).status, 201);
  await assertCompleted(service, session, file);
  const text = await service.newSession();
  assert.equal(
    (await exchange(service.port, 'PUT', service.target(text), {}, Buffer.from('hello'))).status,
    415,
  );
  assert.equal((await service.find(text)).status, 'failed');
});

for (const headers of [{ 'content-length': 0 }, { 'transfer-encoding': 'chunked' }]) {
  test(`an empty file (${Object.keys(headers)}) is 415, and nothing changes`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession();
    const body = 'content-length' in headers ? Buffer.alloc(0) : chunked(Buffer.alloc(0));
    const answer = await exchange(service.port, 'PUT', service.target(session), headers, body);
    assert.equal(answer.status, 415);
    assert.equal((await service.find(session)).status, 'active');
  });
}

test('where any file is allowed nothing is recognised, and empty files complete', async (t) => {
  const service = await startService(t, { limits: { allowedFormats: '*' } });
  for (const body of [Buffer.from('just text'), Buffer.alloc(0)]) {
    const session = await service.newSession();
    assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, body)).status, 201);
    const found = await service.find(session);
    assert.equal(found.status, 'completed');
    assert.equal(found.uploadOffset, body.length);
    assert.ok((await service.finishedFiles()).includes(session.sessionId));
  }
});
