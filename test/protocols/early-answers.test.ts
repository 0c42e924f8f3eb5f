import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendPart } from '../engine/running.ts';
import { fakeMp4, startService } from '../engine/service.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { head, rawClient } from './raw-http.ts';

const FILE = fakeMp4(150_000);
const HUGE = 400_000_000;

test('a refusal reaches a client that keeps sending, then the connection closes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: HUGE });
  const target = `/v1/uploads/${session.sessionId}?token=wrong`;
  const client = rawClient(service.port);
  await client.send(head('PUT', target, { 'content-length': HUGE }));
  let sending = true;
  const flood = (async () => {
    while (sending && !client.socket.destroyed) await client.send(Buffer.alloc(65_536, 1));
  })();
  const answer = await client.answer();
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.connection, 'close');
  assert.equal(answer.json().error_code, 'UNAUTHORIZED_ACCESS');
  await client.closed;
  sending = false;
  client.socket.destroy();
  await flood;
});

test('after a refusal no more than a bounded amount is read, and no longer than a moment', async (t) => {
  const service = await startService(t);
  const client = rawClient(service.port);
  const session = await service.newSession({ expectedFileSize: HUGE });
  await client.send(head('PUT', `/v1/uploads/${session.sessionId}?token=wrong`, { 'content-length': HUGE }));
  await client.send(Buffer.alloc(100_000));
  const elapsedMs = startStopwatch();
  assert.equal((await client.answer()).status, 403);
  assert.ok(elapsedMs() < 900, 'the answer does not wait for the drain');
  await client.closed;
  assert.ok(elapsedMs() < 3000);
});

test('a refusal of a body that is there already keeps the connection', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const client = rawClient(service.port);
  for (let n = 0; n < 2; n += 1) {
    const headers = { 'content-length': 10 };
    await client.send(`${head('PUT', `/v1/uploads/${session.sessionId}?token=wrong`, headers)}0123456789`);
    assert.equal((await client.answer()).status, 403);
  }
  client.socket.destroy();
});

test('Expect: 100-continue is answered once nothing but the bytes is left to be checked', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const client = rawClient(service.port);
  const headers = { 'content-length': FILE.length, expect: '100-continue' };
  await client.send(head('PUT', service.target(session), headers));
  await new Promise((resolve) => client.socket.once('data', resolve));
  await client.send(FILE);
  assert.equal((await client.answer()).status, 201);
  assert.deepEqual(client.interim, [100]);

  // The repeat of the finished PUT needs its bytes, too.
  await client.send(head('PUT', service.target(session), headers));
  await new Promise((resolve) => client.socket.once('data', resolve));
  await client.send(FILE);
  assert.equal((await client.answer()).status, 201);
  assert.deepEqual(client.interim, [100, 100]);
  client.socket.destroy();
});

for (const [why, length, token, status] of [
  ['the wrong length', FILE.length + 1, null, 400],
  ['a wrong token', FILE.length, 'wrong', 403],
] as const) {
  test(`with ${why} a client that expects 100-continue is refused at once and sends nothing`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const target = token ? `/v1/uploads/${session.sessionId}?token=${token}` : service.target(session);
    const client = rawClient(service.port);
    const elapsedMs = startStopwatch();
    await client.send(head('PUT', target, { 'content-length': length, expect: '100-continue' }));
    assert.equal((await client.answer()).status, status);
    assert.deepEqual(client.interim, []);
    await client.closed;
    assert.ok(elapsedMs() < 900, 'nothing is waited for');
  });
}

test('other addresses answer Expect: 100-continue as ever, JSON below the upload resource too', async (t) => {
  const service = await startService(t);
  const session = await service.newSession();
  const [path, query] = service.target(session).split('?');
  const body = '{}';
  const headers = {
    authorization: service.authorization(),
    'content-type': 'application/json',
    'content-length': body.length,
    expect: '100-continue',
  };
  for (const [target, status] of [
    ['/v1/dashboard/upload/initiate', 400],
    [`${path}/parts?${query}`, 400],
    [`${path}/complete?${query}`, 400],
    ['/v1/uploads/s3/multipart', 400],
    ['/v1/nowhere', 404],
  ] as const) {
    const client = rawClient(service.port);
    await client.send(head('POST', target, headers));
    await new Promise((resolve) => client.socket.once('data', resolve));
    await client.send(body);
    assert.equal((await client.answer()).status, status, target);
    assert.deepEqual(client.interim, [100], target);
    client.socket.destroy();
  }
});

test('a client that dies at any moment of a refusal does no harm', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: HUGE });
  for (let n = 0; n < 20; n += 1) {
    const client = await sendPart(
      service,
      session,
      'PUT',
      { 'content-length': 10_000 + n },
      Buffer.alloc(n * 100),
    );
    if (n % 2 === 0) client.socket.resetAndDestroy();
    else client.hangUp();
    await client.closed;
  }
  const answer = await service.app.inject('/livez');
  assert.equal(answer.statusCode, 200);
});
