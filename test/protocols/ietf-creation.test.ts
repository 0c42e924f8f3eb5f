import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { assertCompleted, assertQuota } from '../engine/running.ts';
import { fakeMp4, type Service, startService } from '../engine/service.ts';
import { exchange, head, rawClient } from './raw-http.ts';

/** Creation by draft-ietf-httpbis-resumable-upload, section 4.2, and interim answers, section 5. */

const FILE = fakeMp4(150_000);
const VERSION = { 'upload-draft-interop-version': 8 };

function create(service: Service, headers: Record<string, string | number>, body: Uint8Array) {
  const all = { ...VERSION, authorization: service.authorization(), ...headers };
  return exchange(service.port, 'POST', '/v1/uploads', all, body);
}

const idOf = (location: string | undefined) => /([0-9a-f-]{36})\?token=/.exec(location ?? '')?.[1] ?? '';

async function sessionAt(service: Service, location: string | undefined) {
  const found = await service.store.find(idOf(location));
  assert.ok(found, `no session at ${location}`);
  return found;
}

test('POST with ?1 takes the whole file and gives the final answer', async (t) => {
  const service = await startService(t);
  const answer = await create(
    service,
    {
      'upload-complete': '?1',
      'content-type': 'video/mp4',
      'content-disposition': `inline; filename="x.mp4"; filename*=UTF-8''n%C3%A4me.mp4`,
    },
    FILE,
  );
  assert.deepEqual([answer.status, answer.headers['upload-complete']], [201, '?1']);
  assert.equal(answer.json().status, 'completed');
  assert.equal(answer.json().filename, 'näme.mp4');
  await assertCompleted(service, await sessionAt(service, answer.headers.location), FILE);
});

test('POST with ?0 creates: 201 with Location and limits; appending to it completes the upload', async (t) => {
  const service = await startService(t);
  for (const first of [0, 60_000]) {
    const headers = { 'upload-complete': '?0', 'upload-length': FILE.length };
    const answer = await create(service, headers, FILE.subarray(0, first));
    assert.deepEqual([answer.status, answer.headers['upload-complete']], [201, '?0']);
    assert.equal(answer.headers['upload-offset'], String(first));
    assert.match(answer.headers['upload-limit'] ?? '', /max-size=150000, max-age=\d+/);
    const location = answer.headers.location ?? '';
    const rest = {
      ...VERSION,
      'content-type': 'application/partial-upload',
      'upload-offset': first,
      'upload-complete': '?1',
    };
    const last = await exchange(service.port, 'PATCH', location, rest, FILE.subarray(first));
    assert.equal(last.status, 201);
    assert.equal((await sessionAt(service, location)).status, 'completed');
  }
});

test('creation needs a signed-in user, and is refused over quota, over size, empty and contradictory', async (t) => {
  const service = await startService(t, { quota: 200_000, limits: { maxFileSize: 190_000 } });
  const rows: [Record<string, string | number>, Uint8Array, number, string][] = [
    [{ 'upload-complete': '?1', authorization: 'Bearer nonsense' }, FILE, 401, 'UNAUTHENTICATED'],
    [{ 'upload-complete': '?0', 'upload-length': 190_001 }, Buffer.alloc(0), 413, 'FILE_TOO_LARGE'],
    [{ 'upload-complete': '?1' }, Buffer.alloc(0), 415, 'UNSUPPORTED_FORMAT'],
    [{ 'upload-complete': 'yes' }, FILE, 400, 'INVALID_REQUEST'],
    [{ 'upload-complete': '?1', 'upload-length': 7 }, FILE, 400, 'INVALID_REQUEST'],
  ];
  for (const [headers, body, status, code] of rows) {
    const answer = await create(service, headers, body);
    assert.deepEqual([answer.status, answer.json().error_code], [status, code], JSON.stringify(headers));
  }
  await assertQuota(service, { used: 0, reserved: 0 });

  const room = { 'upload-complete': '?0', 'upload-length': 150_000 };
  assert.equal((await create(service, room, Buffer.alloc(0))).status, 201);
  const over = await create(service, room, Buffer.alloc(0));
  assert.deepEqual([over.status, over.json().error_code], [429, 'QUOTA_EXCEEDED']);
  assert.ok(Number(over.headers['retry-after']) > 0);
  await assertQuota(service, { used: 0, reserved: 150_000 });
});

test('a name with line breaks or NUL is 400, as in initiate, and nothing is created', async (t) => {
  const service = await startService(t);
  for (const name of ['a%00.mp4', 'a%0D%0Ab.mp4', '%E2%80%8Ba%7F.mp4']) {
    const headers = { 'upload-complete': '?0', 'content-disposition': `inline; filename*=UTF-8''${name}` };
    const answer = await create(service, headers, FILE.subarray(0, 10));
    assert.equal(answer.status, 400, name);
    assert.deepEqual(answer.json().details, {
      errors: [{ path: 'header/content-disposition/filename', message: 'must not have control characters' }],
    });
    assert.equal(answer.headers['upload-complete'], '?0');
  }
  await assertQuota(service, { used: 0, reserved: 0 });
});

test('a declared representation digest is checked when the last byte is there', async (t) => {
  const service = await startService(t);
  const digest = `sha-256=:${createHash('sha256').update('another').digest('base64')}:`;
  const answer = await create(service, { 'upload-complete': '?1', 'repr-digest': digest }, FILE);
  assert.deepEqual([answer.status, answer.json().error_code], [422, 'DIGEST_MISMATCH']);
  await assertQuota(service, { used: 0, reserved: 0 });
});

test('the first request may go to the resource itself: PUT and POST with ?0 or ?1', async (t) => {
  const service = await startService(t);
  for (const method of ['PUT', 'POST']) {
    const whole = await service.newSession({ expectedFileSize: FILE.length });
    const headers = { ...VERSION, 'upload-complete': '?1' };
    const answer = await exchange(service.port, method, service.target(whole), headers, FILE);
    assert.deepEqual([answer.status, answer.headers['upload-complete']], [201, '?1']);

    const part = await service.newSession({ expectedFileSize: FILE.length });
    const partly = { ...VERSION, 'upload-complete': '?0' };
    const first = await exchange(
      service.port,
      method,
      service.target(part),
      partly,
      FILE.subarray(0, 70_000),
    );
    assert.deepEqual([first.status, first.headers['upload-offset']], [201, '70000']);
    assert.equal(idOf(first.headers.location), part.sessionId);
  }
});

test('a whole file cut in the middle is not complete, and goes on from its offset', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const client = rawClient(service.port);
  const headers = { ...VERSION, 'upload-complete': '?1', 'content-length': FILE.length };
  await client.send(head('PUT', service.target(session), headers));
  await client.send(FILE.subarray(0, 99_999));
  client.socket.end();
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 99_999);
  const found = await service.find(session);
  assert.deepEqual([found.status, found.uploadOffset], ['active', 99_999]);
  const append = {
    ...VERSION,
    'content-type': 'application/partial-upload',
    'upload-offset': 99_999,
    'upload-complete': '?1',
  };
  await exchange(service.port, 'PATCH', service.target(session), append, FILE.subarray(99_999));
  await assertCompleted(service, session, FILE);
});

test('5: a 104 with Location comes right after admission, and later ones without; with the version', async (t) => {
  const service = await startService(t, { engine: { commitBytes: 1, commitIntervalMs: 20 } });
  const client = rawClient(service.port);
  const headers = {
    ...VERSION,
    authorization: service.authorization(),
    'upload-complete': '?1',
    'content-length': FILE.length,
    expect: '100-continue',
  };
  await client.send(head('POST', '/v1/uploads', headers));
  await client.send(FILE.subarray(0, 60_000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 60_000);
  await client.send(FILE.subarray(60_000));
  const answer = await client.answer();
  assert.equal(answer.status, 201);
  assert.ok(client.interim.includes(100), 'a 104 does not stand in for the 100');
  const hints = client.interimHeaders.filter((_, n) => client.interim[n] === 104);
  assert.ok(hints.every((hint) => hint['upload-draft-interop-version'] === '8'));
  const [first, ...later] = hints;
  assert.equal(first?.location, answer.headers.location);
  assert.match(first?.['upload-limit'] ?? '', /max-size/);
  assert.ok(later.every((hint) => hint.location === undefined && Number(hint['upload-offset']) > 0));
  assert.ok(later.some((hint) => hint['upload-offset'] === '60000'));
  client.socket.destroy();
});

test('5: a client that names no version of ours gets no 104', async (t) => {
  const service = await startService(t);
  for (const version of [{}, { 'upload-draft-interop-version': 2 }, { 'upload-draft-interop-version': 9 }]) {
    const client = rawClient(service.port);
    const headers = {
      ...version,
      authorization: service.authorization(),
      'upload-complete': '?1',
      'content-length': FILE.length,
    };
    await client.send(head('POST', '/v1/uploads', headers));
    await client.send(FILE);
    assert.equal((await client.answer()).status, 201);
    assert.deepEqual(client.interim, []);
    client.socket.destroy();
  }
});

test('4.1.4: OPTIONS tells the limits before anything is created', async (t) => {
  const service = await startService(t);
  const answer = await exchange(service.port, 'OPTIONS', '/v1/uploads', VERSION);
  assert.deepEqual([answer.status, answer.headers['upload-limit']], [204, 'max-size=524288000']);
});
