import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { assertCompleted, offsetOf, PATCH, patch, sendPart, TUS } from '../engine/running.ts';
import { fakeMp4, startService } from '../engine/service.ts';
import { chunked, exchange, head, rawClient } from './raw-http.ts';

const FILE = fakeMp4(150_000);
const EXTENSIONS = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration'];

test('OPTIONS tells the capabilities, whatever version is asked', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  for (const target of ['/v1/uploads', `/v1/uploads/${session.sessionId}`]) {
    for (const headers of [{}, TUS, { 'tus-resumable': '0.2.2' }]) {
      const answer = await exchange(service.port, 'OPTIONS', target, headers);
      assert.equal(answer.status, 204);
      assert.equal(answer.headers['tus-resumable'], '1.0.0');
      assert.equal(answer.headers['tus-version'], '1.0.0');
      assert.equal(answer.headers['tus-max-size'], '524288000');
      const offered = answer.headers['tus-extension']?.split(',') ?? [];
      for (const extension of EXTENSIONS) assert.ok(offered.includes(extension), extension);
    }
  }
});

test('a missing or wrong version is 412, says which we speak, and changes nothing', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const target = service.target(session);
  const { 'tus-resumable': _, ...unversioned } = PATCH;
  const cases = [
    ['PATCH', target, { ...unversioned, 'upload-offset': 0 }],
    ['PATCH', target, { ...PATCH, 'upload-offset': 0, 'tus-resumable': '0.2.2' }],
    ['HEAD', target, { 'tus-resumable': '1.0.1' }],
    ['DELETE', target, { 'tus-resumable': '2.0.0' }],
    ['POST', target, {}],
    ['POST', '/v1/uploads', { 'upload-length': 5 }],
    ['POST', '/v1/uploads', { 'upload-length': 5, 'tus-resumable': '' }],
  ] as const;
  for (const [method, to, headers] of cases) {
    const body = method === 'PATCH' ? FILE : null;
    const answer = await exchange(service.port, method, to, headers, body);
    assert.equal(answer.status, 412, `${method} ${JSON.stringify(headers)}`);
    assert.equal(answer.headers['tus-version'], '1.0.0');
    assert.equal(answer.headers['tus-resumable'], '1.0.0');
    if (method === 'HEAD') continue;
    assert.match(String(answer.json().detail), /^Send "Tus-Resumable: 1\.0\.0", or PUT the whole file/);
  }
  assert.equal((await service.find(session)).uploadOffset, 0);
});

test('PATCH by PATCH an upload completes, and each answer tells offset and expiry', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const first = await patch(service, session, 0, FILE.subarray(0, 60_000));
  assert.equal(first.status, 204);
  assert.equal(first.headers['upload-offset'], '60000');
  assert.equal(first.headers['tus-resumable'], '1.0.0');
  const expires = Date.parse(first.headers['upload-expires'] ?? '');
  assert.equal(expires, Math.floor((await service.find(session)).expiresAt / 1000) * 1000);
  const last = await patch(service, session, 60_000, FILE.subarray(60_000));
  assert.deepEqual([last.status, last.headers['upload-offset']], [204, String(FILE.length)]);
  assert.equal(last.headers['upload-expires'], undefined);
  await assertCompleted(service, session, FILE);
});

test('HEAD tells offset, length or that it is deferred, metadata as sent, and is not to be stored', async (t) => {
  const service = await startService(t);
  const uploadMetadata = 'filename aGkubXA0,is_confidential';
  const known = await service.newSession({ expectedFileSize: FILE.length, uploadMetadata });
  const answer = await exchange(service.port, 'HEAD', service.target(known), TUS);
  assert.equal(answer.headers['upload-offset'], '0');
  assert.equal(answer.headers['upload-length'], String(FILE.length));
  assert.equal(answer.headers['upload-defer-length'], undefined);
  assert.equal(answer.headers['upload-metadata'], uploadMetadata);
  assert.equal(answer.headers['cache-control'], 'no-store');

  const open = await exchange(service.port, 'HEAD', service.target(await service.newSession()), TUS);
  assert.equal(open.headers['upload-length'], undefined);
  assert.equal(open.headers['upload-defer-length'], '1');
});

test('HEAD of an unknown upload is 404, of a cancelled one 410, without an offset', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  assert.equal((await exchange(service.port, 'DELETE', service.target(session), TUS)).status, 204);
  for (const [target, status] of [
    [`/v1/uploads/${randomUUID()}?token=x`, 404],
    [service.target(session), 410],
  ] as const) {
    const answer = await exchange(service.port, 'HEAD', target, TUS);
    assert.equal(answer.status, status);
    assert.equal(answer.headers['upload-offset'], undefined);
    assert.equal(answer.headers['tus-resumable'], '1.0.0');
  }
  assert.equal((await exchange(service.port, 'DELETE', service.target(session), TUS)).status, 410);
});

for (const offset of [
  null,
  '',
  '-1',
  '1e3',
  '+1',
  '0x10',
  '1.0',
  ' ',
  '01',
  '9007199254740992',
  'Infinity',
  '1,2',
]) {
  test(`an Upload-Offset of ${JSON.stringify(offset)} is 400 and changes nothing`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const headers = offset === null ? PATCH : { ...PATCH, 'upload-offset': offset };
    const answer = await exchange(service.port, 'PATCH', service.target(session), headers, FILE);
    assert.equal(answer.status, 400);
    assert.equal(answer.json().error_code, 'INVALID_REQUEST');
    assert.equal(answer.headers['tus-resumable'], '1.0.0');
    assert.equal((await service.find(session)).uploadOffset, 0);
  });
}

for (const offset of [1, 4999, 5001, FILE.length, FILE.length + 1, Number.MAX_SAFE_INTEGER]) {
  test(`a PATCH at ${offset} of an upload at 5000 is 409 with the true offset, and changes nothing`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    await patch(service, session, 0, FILE.subarray(0, 5000));
    const before = await service.find(session);
    const answer = await patch(service, session, offset, FILE.subarray(0, 10));
    assert.equal(answer.status, 409);
    assert.equal(answer.json().error_code, 'OFFSET_MISMATCH');
    assert.equal(answer.headers['upload-offset'], '5000');
    assert.deepEqual(await service.find(session), before);
  });
}

for (const type of [null, 'application/octet-stream', 'application/offset+octet-stream2', 'video/mp4']) {
  test(`a PATCH of type ${type} is 415 and changes nothing`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const headers = { ...TUS, 'upload-offset': 0, ...(type && { 'content-type': type }) };
    const answer = await exchange(service.port, 'PATCH', service.target(session), headers, FILE);
    assert.equal(answer.status, 415);
    assert.equal(answer.json().error_code, 'UNSUPPORTED_MEDIA_TYPE');
    assert.equal((await service.find(session)).uploadOffset, 0);
  });
}

test('an empty PATCH is 204, and on a complete upload raises no second event', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const empty = Buffer.alloc(0);
  assert.equal((await patch(service, session, 0, empty)).headers['upload-offset'], '0');
  await patch(service, session, 0, FILE);
  for (let n = 0; n < 2; n += 1)
    assert.equal((await patch(service, session, FILE.length, empty)).status, 204);
  assert.equal((await patch(service, session, 5, empty)).status, 409);
  const more = await patch(service, session, FILE.length, FILE.subarray(0, 5));
  assert.equal(more.json().error_code, 'UPLOAD_COMPLETED');
  assert.equal(service.events.filter((event) => event.type === 'completed').length, 1);
  await assertCompleted(service, session, FILE);
});

const AT_THE_END = { ...PATCH, 'upload-offset': FILE.length };

for (const expected of [{}, { expect: '100-continue' }]) {
  test(`bytes announced for a complete upload are refused before they come ${JSON.stringify(expected)}`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    await patch(service, session, 0, FILE);
    const client = rawClient(service.port);
    const headers = { ...AT_THE_END, ...expected, 'content-length': 5 };
    await client.send(head('PATCH', service.target(session), headers));
    const answer = await client.answer();
    assert.deepEqual([answer.status, answer.json().error_code], [409, 'UPLOAD_COMPLETED']);
    assert.deepEqual(client.interim, []);
    client.socket.destroy();
  });
}

test('to a complete upload a chunked PATCH is told to go on, and its body decides', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await patch(service, session, 0, FILE);
  for (const [body, status] of [
    [Buffer.alloc(0), 204],
    [Buffer.from('more'), 409],
  ] as const) {
    const client = rawClient(service.port);
    const headers = { ...AT_THE_END, expect: '100-continue', 'transfer-encoding': 'chunked' };
    await client.send(head('PATCH', service.target(session), headers));
    await new Promise((resolve) => client.socket.once('data', resolve));
    await client.send(chunked(body));
    assert.equal((await client.answer()).status, status);
    assert.deepEqual(client.interim, [100]);
    client.socket.destroy();
  }
  await assertCompleted(service, session, FILE);
});

test('a chunked PATCH to a complete upload that does not come is cut off as any other', async (t) => {
  const service = await startService(t, { engine: { idleTimeoutMs: 100 } });
  const session = await service.newSession({ expectedFileSize: 5000 });
  await patch(service, session, 0, FILE.subarray(0, 5000));
  const headers = { ...AT_THE_END, 'upload-offset': 5000, 'transfer-encoding': 'chunked' };
  const client = await sendPart(service, session, 'PATCH', headers, Buffer.alloc(0));
  await client.closed;
});

test('POST can stand for PATCH, HEAD and DELETE', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const target = service.target(session);
  const as = (method: string, headers = {}, body: Uint8Array | null = null) =>
    exchange(service.port, 'POST', target, { ...PATCH, 'x-http-method-override': method, ...headers }, body);
  assert.equal((await as('PATCH', { 'upload-offset': 0 }, FILE.subarray(0, 5000))).status, 204);
  const head = await as('HEAD');
  assert.deepEqual([head.status, head.headers['upload-offset']], [200, '5000']);
  for (const method of ['PUT', 'GET', '']) assert.equal((await as(method)).status, 400);
  assert.equal((await exchange(service.port, 'POST', target, TUS)).status, 400);
  assert.equal((await as('DELETE')).status, 204);
  assert.equal((await service.find(session)).status, 'cancelled');
});

test('a deferred length is told once, with any PATCH, and ends the upload', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const tell = (offset: number, length: unknown, body: Uint8Array) => {
    const headers = { ...PATCH, 'upload-offset': offset, 'upload-length': String(length) };
    return exchange(service.port, 'PATCH', service.target(session), headers, body);
  };
  assert.equal((await patch(service, session, 0, FILE.subarray(0, 5000))).status, 204);
  for (const [length, status] of [
    ['1e3', 400],
    ['-1', 400],
    [4999, 400],
    [524_288_001, 413],
  ] as const) {
    assert.equal((await tell(5000, length, Buffer.alloc(0))).status, status, String(length));
  }
  assert.equal((await tell(5000, FILE.length, Buffer.alloc(0))).status, 204);
  const head = await exchange(service.port, 'HEAD', service.target(session), TUS);
  assert.equal(head.headers['upload-length'], String(FILE.length));
  assert.equal(head.headers['upload-defer-length'], undefined);
  assert.equal((await tell(5000, FILE.length + 1, FILE.subarray(5000))).status, 400);
  assert.equal(await offsetOf(service, session), 5000);
  assert.equal((await tell(5000, FILE.length, FILE.subarray(5000))).status, 204);
  await assertCompleted(service, session, FILE);
});

test('a PATCH that tells the length and brings the last byte completes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const headers = { ...PATCH, 'upload-offset': 0, 'upload-length': FILE.length };
  assert.equal((await exchange(service.port, 'PATCH', service.target(session), headers, FILE)).status, 204);
  await assertCompleted(service, session, FILE);
});
