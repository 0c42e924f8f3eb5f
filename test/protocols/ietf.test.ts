import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Session } from '../../src/core/session.ts';
import { assertCompleted, assertFailed, assertQuota, sendPart } from '../engine/running.ts';
import { fakeMp4, type Service, startService } from '../engine/service.ts';
import { exchange } from './raw-http.ts';

/** draft-ietf-httpbis-resumable-upload, interop version 8. Section numbers are those of the draft. */

const FILE = fakeMp4(150_000);
const VERSION = { 'upload-draft-interop-version': 8 };
const APPEND = { ...VERSION, 'content-type': 'application/partial-upload' };

const sha256 = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

function append(
  service: Service,
  session: Session,
  at: { offset: number | string; complete: string },
  body: Uint8Array,
  headers: Record<string, string | number> = {},
) {
  return exchange(
    service.port,
    'PATCH',
    service.target(session),
    { ...APPEND, 'upload-offset': at.offset, 'upload-complete': at.complete, ...headers },
    body,
  );
}

const retrieve = (service: Service, session: Session) =>
  exchange(service.port, 'HEAD', service.target(session), VERSION);

test('4.4: parts are appended one by one, and the last one completes with the final answer', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const first = await append(service, session, { offset: 0, complete: '?0' }, FILE.subarray(0, 60_000));
  assert.deepEqual([first.status, first.headers['upload-complete']], [204, '?0']);
  assert.equal(first.headers['upload-offset'], '60000');

  const last = await append(service, session, { offset: 60_000, complete: '?1' }, FILE.subarray(60_000));
  assert.deepEqual([last.status, last.headers['upload-complete']], [201, '?1']);
  assert.equal(last.json().status, 'completed');
  await assertCompleted(service, session, FILE);
});

test('4.3: HEAD and GET tell offset, completeness, length and limits, and are not to be stored', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await append(service, session, { offset: 0, complete: '?0' }, FILE.subarray(0, 5000));
  for (const method of ['HEAD', 'GET']) {
    const answer = await exchange(service.port, method, service.target(session), VERSION);
    assert.equal(answer.status, method === 'HEAD' ? 204 : 200);
    assert.equal(answer.headers['upload-offset'], '5000');
    assert.equal(answer.headers['upload-complete'], '?0');
    assert.equal(answer.headers['upload-length'], String(FILE.length));
    assert.match(answer.headers['upload-limit'] ?? '', /^max-size=150000, max-age=3[56]\d\d$/);
    assert.equal(answer.headers['cache-control'], 'no-store');
  }
});

test('4.1.3: a length nobody told is not told back', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  assert.equal((await retrieve(service, session)).headers['upload-length'], undefined);
});

test('4.1.3: an offset that equals the length is not completion; an empty ?1 is', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const all = await append(service, session, { offset: 0, complete: '?0' }, FILE);
  assert.deepEqual([all.status, all.headers['upload-complete']], [204, '?0']);
  assert.equal((await service.find(session)).status, 'active');
  assert.equal((await retrieve(service, session)).headers['upload-complete'], '?0');

  const empty = await append(service, session, { offset: FILE.length, complete: '?1' }, Buffer.alloc(0));
  assert.deepEqual([empty.status, empty.headers['upload-complete']], [201, '?1']);
  assert.equal((await retrieve(service, session)).headers['upload-complete'], '?1');
  await assertCompleted(service, session, FILE);
});

test('4.4.2: a lost final answer is had again by repeating the last append, counted once', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await append(service, session, { offset: 0, complete: '?0' }, FILE.subarray(0, 60_000));
  const tail = FILE.subarray(60_000);
  const answers = [];
  for (let n = 0; n < 3; n += 1) {
    const answer = await append(service, session, { offset: 60_000, complete: '?1' }, tail);
    answers.push([answer.status, answer.headers['upload-complete'], answer.json().sha256]);
  }
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
  await assertCompleted(service, session, FILE);
});

test('4.4.2: anything else sent to a completed upload is 409 UPLOAD_COMPLETED', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await append(service, session, { offset: 0, complete: '?1' }, FILE);
  for (const [offset, complete, body] of [
    [FILE.length, '?0', Buffer.from('more')],
    [FILE.length, '?1', Buffer.from('more')],
    [0, '?1', Buffer.from('other')],
    [0, '?0', FILE],
  ] as const) {
    const answer = await append(service, session, { offset, complete }, body);
    assert.deepEqual([answer.status, answer.json().error_code], [409, 'UPLOAD_COMPLETED']);
    assert.equal(answer.headers['upload-complete'], '?0');
  }
  await assertCompleted(service, session, FILE);
});

test('6.1: a wrong offset is 409 with the true one and its problem type; nothing changes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await append(service, session, { offset: 0, complete: '?0' }, FILE.subarray(0, 60_000));
  for (const offset of [0, 59_999, 60_001, 999_999_999_999_999]) {
    const answer = await append(service, session, { offset, complete: '?0' }, FILE.subarray(60_000, 60_010));
    assert.equal(answer.status, 409);
    assert.equal(answer.headers['upload-offset'], '60000');
    assert.equal(answer.headers['upload-complete'], '?0');
    const problem = answer.json();
    assert.equal(problem.type, 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset');
    assert.deepEqual([problem['expected-offset'], problem['provided-offset']], [60_000, offset]);
  }
  assert.equal((await service.find(session)).uploadOffset, 60_000);
});

test('4.4: an append without offset or completeness is 400, of another media type 415', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const target = service.target(session);
  const body = FILE.subarray(0, 10);
  const malformed = ['1e3', '+1', '-1', '0x10', '1.0', '"0"', '?0', '1000000000000000', '', '0, 0'];
  for (const offset of malformed) {
    const answer = await append(service, session, { offset, complete: '?0' }, body);
    assert.deepEqual([answer.status, answer.json().error_code], [400, 'INVALID_REQUEST'], offset);
  }
  for (const complete of ['1', 'true', '?2', '"?1"', '?1, ?0', '']) {
    const answer = await append(service, session, { offset: 0, complete }, body);
    assert.equal(answer.status, 400, complete);
  }
  const silent = await exchange(service.port, 'PATCH', target, { ...APPEND, 'upload-offset': 0 }, body);
  assert.equal(silent.status, 400);
  const typed = { ...VERSION, 'upload-offset': 0, 'upload-complete': '?0' };
  for (const type of ['application/octet-stream', 'application/offset+octet-stream', 'text/plain']) {
    const answer = await exchange(service.port, 'PATCH', target, { ...typed, 'content-type': type }, body);
    assert.deepEqual([answer.status, answer.json().error_code], [415, 'UNSUPPORTED_MEDIA_TYPE']);
  }
  assert.equal((await exchange(service.port, 'PATCH', target, typed, body)).status, 415);
  assert.equal((await service.find(session)).uploadOffset, 0);
});

test('6.2: lengths that contradict each other are 400 with their problem type; nothing changes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const part = FILE.subarray(0, 100);
  const type = 'https://iana.org/assignments/http-problem-types#inconsistent-upload-length';
  const other = { 'upload-length': FILE.length + 1 };
  for (const [complete, headers] of [
    ['?0', other],
    ['?1', {}],
  ] as const) {
    const answer = await append(service, session, { offset: 0, complete }, part, headers);
    assert.deepEqual([answer.status, answer.json().type], [400, type]);
  }
  assert.equal((await service.find(session)).uploadOffset, 0);
  assert.equal((await service.find(session)).status, 'active');
});

test('4.4.2: bytes past a known length are refused, and the upload is over', async (t) => {
  const service = await startService(t);
  for (const chunked of [false, true]) {
    const session = await service.newSession();
    await append(service, session, { offset: 0, complete: '?0' }, FILE.subarray(0, 5000), {
      'upload-length': 6000,
    });
    const headers = chunked ? { 'transfer-encoding': 'chunked' } : {};
    const body = chunked
      ? Buffer.concat([Buffer.from('7d0\r\n'), FILE.subarray(5000, 7000), Buffer.from('\r\n0\r\n\r\n')])
      : FILE.subarray(5000, 7000);
    const answer = await append(service, session, { offset: 5000, complete: '?0' }, body, headers);
    assert.deepEqual([answer.status, answer.json().error_code], [413, 'FILE_TOO_LARGE']);
    await assertFailed(service, session, 'FILE_TOO_LARGE');
    const later = await append(service, session, { offset: 5000, complete: '?1' }, FILE.subarray(5000, 6000));
    assert.equal(later.status, 413);
  }
});

test('4.5: DELETE is 204, ends a running append and gives the reservation back', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { ...APPEND, 'upload-offset': 0, 'upload-complete': '?1', 'content-length': FILE.length };
  const running = await sendPart(service, session, 'PATCH', headers, FILE.subarray(0, 70_000));
  await service.happened((event) => event.type === 'created');
  const answer = await exchange(service.port, 'DELETE', service.target(session), VERSION);
  assert.equal(answer.status, 204);
  await running.closed;
  await assertQuota(service, { used: 0, reserved: 0 });
  assert.equal((await retrieve(service, session)).status, 410);
});

test('8.2: a wrong content digest stores nothing of that request; the right one goes on', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const part = FILE.subarray(0, 60_000);
  const wrong = { 'content-digest': sha256(FILE) };
  const answer = await append(service, session, { offset: 0, complete: '?0' }, part, wrong);
  assert.deepEqual([answer.status, answer.json().error_code], [460, 'CHECKSUM_MISMATCH']);
  assert.equal((await retrieve(service, session)).headers['upload-offset'], '0');
  const right = { 'content-digest': sha256(part) };
  assert.equal((await append(service, session, { offset: 0, complete: '?0' }, part, right)).status, 204);
  const rest = FILE.subarray(60_000);
  await append(service, session, { offset: 60_000, complete: '?1' }, rest, {
    'content-digest': sha256(rest),
  });
  await assertCompleted(service, session, FILE);
});

test('8.1: a file that is not the represented one fails with 422 and is not kept', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const wrong = { 'repr-digest': sha256(Buffer.from('another')) };
  const answer = await append(service, session, { offset: 0, complete: '?1' }, FILE, wrong);
  assert.deepEqual([answer.status, answer.json().error_code], [422, 'DIGEST_MISMATCH']);
  assert.equal(answer.headers['upload-complete'], '?1');
  await assertFailed(service, session, 'DIGEST_MISMATCH');

  const next = await service.newSession({ expectedFileSize: FILE.length });
  const right = { 'repr-digest': `unixsum=30637, ${sha256(FILE)}` };
  const answered = await append(service, next, { offset: 0, complete: '?1' }, FILE, right);
  assert.equal(answered.status, 201);
});

test('versions 4 and 5 append with any media type; version 3 says Upload-Incomplete', async (t) => {
  const service = await startService(t);
  for (const version of [4, 5]) {
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const headers = {
      'upload-draft-interop-version': version,
      'upload-offset': 0,
      'upload-complete': '?1',
    };
    const answer = await exchange(service.port, 'PATCH', service.target(session), headers, FILE);
    assert.equal(answer.status, 201, `version ${version}`);
  }
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const target = service.target(session);
  const old = { 'upload-draft-interop-version': 3, 'upload-offset': 0 };
  const part = FILE.subarray(0, 60_000);
  const first = await exchange(service.port, 'PATCH', target, { ...old, 'upload-incomplete': '?1' }, part);
  assert.deepEqual([first.status, first.headers['upload-incomplete']], [204, '?1']);
  assert.equal(first.headers['upload-complete'], undefined);
  const rest = { ...old, 'upload-offset': 60_000, 'upload-incomplete': '?0' };
  const last = await exchange(service.port, 'PATCH', target, rest, FILE.subarray(60_000));
  assert.deepEqual([last.status, last.headers['upload-incomplete']], [201, '?0']);
});
