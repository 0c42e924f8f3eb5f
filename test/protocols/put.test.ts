import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { assertCompleted, assertQuota, patch, sendPart } from '../engine/running.ts';
import { fakeMp4, startService } from '../engine/service.ts';
import { chunked, exchange, head, rawClient } from './raw-http.ts';

const FILE = fakeMp4(150_000);

test('PUT of the whole file is 201 with the session status', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const answer = await exchange(service.port, 'PUT', service.target(session), {}, FILE);
  assert.equal(answer.status, 201);
  const status = answer.json();
  assert.equal(status.session_id, session.sessionId);
  assert.equal(status.status, 'completed');
  assert.equal(status.upload_offset, FILE.length);
  assert.equal(status.upload_url, null);
  await assertCompleted(service, session, FILE);
});

for (const contentType of [
  'application/json',
  'text/plain',
  'multipart/form-data',
  ';;nonsense;;',
  'video/mp4',
]) {
  test(`PUT does not care that a body is called ${contentType}`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession();
    const headers = { 'content-type': contentType };
    assert.equal((await exchange(service.port, 'PUT', service.target(session), headers, FILE)).status, 201);
    await assertCompleted(service, session, FILE);
  });
}

for (const [expectedFileSize, status, code] of [
  [FILE.length, 400, 'INVALID_REQUEST'],
  [null, 415, 'UNSUPPORTED_FORMAT'],
] as const) {
  test(`to whoever sends a form with the file in it, declared as ${expectedFileSize}, ${status} says so`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize });
    const part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n';
    const form = Buffer.concat([Buffer.from(part), FILE, Buffer.from('\r\n--x--\r\n')]);
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const answer = await exchange(service.port, 'PUT', service.target(session), headers, form);
    assert.deepEqual([answer.status, answer.json().error_code], [status, code]);
    assert.match(String(answer.json().detail), /send the file itself as the body/);
  });
}

for (const size of [1, 7, 16_384]) {
  test(`a PUT in chunks of ${size} works`, async (t) => {
    const service = await startService(t);
    const file = FILE.subarray(0, size === 1 ? 9000 : FILE.length);
    const session = await service.newSession(size === 7 ? { expectedFileSize: file.length } : {});
    const headers = { 'transfer-encoding': 'chunked' };
    const body = chunked(file, { size });
    assert.equal((await exchange(service.port, 'PUT', service.target(session), headers, body)).status, 201);
    await assertCompleted(service, session, file);
  });
}

for (const length of [FILE.length - 1, FILE.length + 1, 0, 600_000_000]) {
  test(`a Content-Length of ${length} in place of ${FILE.length} is 400 before a byte is read`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const client = rawClient(service.port);
    await client.send(head('PUT', service.target(session), { 'content-length': length }));
    const answer = await client.answer();
    assert.equal(answer.status, 400);
    assert.equal(answer.json().error_code, 'INVALID_REQUEST');
    const found = await service.find(session);
    assert.deepEqual([found.status, found.uploadOffset, found.epoch], ['active', 0, 0]);
    assert.deepEqual(await service.partialFiles(), []);
    client.socket.destroy();
  });
}

test('a chunked PUT that ends short of the declared size is 400, and can be sent again', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { 'transfer-encoding': 'chunked' };
  const short = chunked(FILE.subarray(0, 100_000));
  assert.equal((await exchange(service.port, 'PUT', service.target(session), headers, short)).status, 400);
  assert.equal((await service.find(session)).status, 'active');
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, FILE)).status, 201);
  await assertCompleted(service, session, FILE);
});

test('Content-Range is 400 and nothing changes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { 'content-range': `bytes 0-${FILE.length - 1}/${FILE.length}` };
  assert.equal((await exchange(service.port, 'PUT', service.target(session), headers, FILE)).status, 400);
  assert.equal((await service.find(session)).uploadOffset, 0);
});

test('PUT onto partial bytes starts over', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const other = Buffer.from(FILE).fill(7, 100);
  assert.equal((await patch(service, session, 0, other.subarray(0, 100_000))).status, 204);
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, FILE)).status, 201);
  await assertCompleted(service, session, FILE);
});

test('PUT onto partial bytes throws them away at its beginning: cut off, it has its own bytes alone', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal(
    (await patch(service, session, 0, Buffer.from(FILE).fill(7, 100).subarray(0, 100_000))).status,
    204,
  );
  const headers = { 'content-length': FILE.length };
  const client = await sendPart(service, session, 'PUT', headers, FILE.subarray(0, 5000));
  client.hangUp();
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 5000);
  assert.equal((await patch(service, session, 5000, FILE.subarray(5000))).status, 204);
  await assertCompleted(service, session, FILE);
});

test('the same finished PUT again is the same 201, counted once; any other is 409', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const send = (body: Uint8Array, headers = {}) =>
    exchange(service.port, 'PUT', service.target(session), headers, body);
  const first = await send(FILE);
  const again = await send(FILE);
  assert.deepEqual([again.status, again.text], [201, first.text]);
  assert.equal((await send(chunked(FILE), { 'transfer-encoding': 'chunked' })).status, 201);

  const other = Buffer.from(FILE).fill(7, 5000);
  for (const body of [other, FILE.subarray(1), Buffer.concat([FILE, FILE]), Buffer.alloc(0)]) {
    const answer = await send(body);
    assert.equal(answer.status, 409);
    assert.equal(answer.json().error_code, 'UPLOAD_COMPLETED');
  }
  const longer = chunked(Buffer.concat([FILE, FILE]));
  assert.equal((await send(longer, { 'transfer-encoding': 'chunked' })).status, 409);
  await assertCompleted(service, session, FILE);
  assert.equal(service.events.filter((event) => event.type === 'completed').length, 1);
});

test('HEAD tells offset and length and is not to be stored; GET tells the status', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await patch(service, session, 0, FILE.subarray(0, 5000));
  const answer = await exchange(service.port, 'HEAD', service.target(session));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['upload-offset'], '5000');
  assert.equal(answer.headers['upload-length'], String(FILE.length));
  assert.equal(answer.headers['cache-control'], 'no-store');
  const status = await exchange(service.port, 'GET', service.target(session));
  assert.equal(status.status, 200);
  assert.equal(status.json().upload_offset, 5000);
  assert.equal(status.json().status, 'active');

  const unknown = await service.newSession();
  const head = await exchange(service.port, 'HEAD', service.target(unknown));
  assert.equal(head.headers['upload-length'], undefined);
});

test('DELETE is 204, again too; bytes sent afterwards are 410', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await patch(service, session, 0, FILE.subarray(0, 5000));
  assert.equal((await exchange(service.port, 'DELETE', service.target(session))).status, 204);
  assert.equal((await exchange(service.port, 'DELETE', service.target(session))).status, 204);
  for (const method of ['PUT', 'HEAD']) {
    const body = method === 'PUT' ? FILE : null;
    assert.equal((await exchange(service.port, method, service.target(session), {}, body)).status, 410);
  }
  assert.deepEqual(await service.partialFiles(), []);
  await assertQuota(service, { used: 0, reserved: 0 });
});

test('DELETE of a completed upload is 409 and its file stays', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  await exchange(service.port, 'PUT', service.target(session), {}, FILE);
  assert.equal((await exchange(service.port, 'DELETE', service.target(session))).status, 409);
  await assertCompleted(service, session, FILE);
});

test('bytes for an expired session are 410', async (t) => {
  let now = Date.now();
  const service = await startService(t, { clock: { now: () => now } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  now += 3_600_000;
  const answer = await exchange(service.port, 'PUT', service.target(session), {}, FILE);
  assert.equal(answer.status, 410);
  assert.equal(answer.json().error_code, 'SESSION_EXPIRED');
});

test('every byte stored renews the expiry', async (t) => {
  let now = Date.now();
  const service = await startService(t, { clock: { now: () => now } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  for (const [from, to] of [
    [0, 5000],
    [5000, 5001],
  ] as const) {
    now += 3_000_000;
    assert.equal((await patch(service, session, from, FILE.subarray(from, to))).status, 204);
    assert.equal((await service.find(session)).expiresAt, now + 3_600_000);
  }
});

test('who may not is told so: unknown, malformed, without a token, with a wrong one', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const path = `/v1/uploads/${session.sessionId}`;
  const cases = [
    [`/v1/uploads/${randomUUID()}?token=x`, 404],
    ['/v1/uploads/nonsense?token=x', 400],
    [path, 401],
    [`${path}?token=x`, 403],
    [`${path}?token=`, 403],
  ] as const;
  for (const [target, status] of cases) {
    const answer = await exchange(service.port, 'PUT', target, {}, FILE);
    assert.equal(answer.status, status, target);
    assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/);
  }
  const authorization = service.authorization();
  assert.equal((await exchange(service.port, 'HEAD', path, { authorization })).status, 200);
  const stranger = service.authorization({ user_id: randomUUID() });
  assert.equal((await exchange(service.port, 'HEAD', path, { authorization: stranger })).status, 403);
  const upper = service.target(session).replace(session.sessionId, session.sessionId.toUpperCase());
  assert.equal((await exchange(service.port, 'PUT', upper, {}, FILE)).status, 201);
});

test('answers have CORS headers, refusals too', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const origin = { origin: 'https://dashboard.example' };
  for (const target of [service.target(session), `/v1/uploads/${randomUUID()}?token=x`]) {
    const answer = await exchange(service.port, 'HEAD', target, origin);
    assert.equal(answer.headers['access-control-allow-origin'], '*');
    assert.match(answer.headers['access-control-expose-headers'] ?? '', /Upload-Offset/i);
  }
});

test('a connection serves one upload after another', async (t) => {
  const service = await startService(t);
  const client = rawClient(service.port);
  for (let n = 0; n < 3; n += 1) {
    const session = await service.newSession();
    await client.send(head('PUT', service.target(session), { 'content-length': FILE.length }));
    await client.send(FILE);
    assert.equal((await client.answer()).status, 201);
  }
  const session = await service.newSession();
  const other = await sendPart(service, session, 'PUT', { 'content-length': FILE.length }, FILE);
  assert.equal((await other.answer()).headers.connection, 'keep-alive');
  for (const one of [client, other]) one.socket.destroy();
});
