import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { assertCompleted, assertQuota, PATCH, TUS } from '../engine/running.ts';
import { startService } from '../engine/service.ts';
import {
  concat,
  FILE,
  type Headers,
  head,
  idIn,
  PIECES,
  partial,
  partialsOf,
  post,
} from './concatenating.ts';
import { exchange } from './raw-http.ts';

test('pieces that came in as partial uploads become one file, verified and counted once', async (t) => {
  const service = await startService(t, { quota: FILE.length });
  const urls = await partialsOf(service);
  const told = await head(service, urls[0] ?? '');
  assert.equal(told.headers['upload-concat'], 'partial');
  assert.equal(told.headers['upload-offset'], String(PIECES[0]?.length));
  assert.equal((await service.find(idIn(urls[0]))).status, 'active');
  // All of the quota is reserved, and the final upload fits all the same.
  await assertQuota(service, { used: 0, reserved: FILE.length });

  const metadata = `filename ${Buffer.from('a.mp4').toString('base64')}`;
  const answer = await post(service, { ...concat(urls), 'upload-metadata': metadata });
  assert.equal(answer.status, 201);
  const { location = '' } = answer.headers;
  const final = await head(service, location);
  assert.equal(final.headers['upload-concat'], concat(urls)['upload-concat']);
  assert.equal(final.headers['upload-offset'], String(FILE.length));
  assert.equal(final.headers['upload-length'], String(FILE.length));
  assert.equal(final.headers['upload-metadata'], metadata);
  const session = await service.find(idIn(location));
  assert.equal(session.filename, 'a.mp4');
  await assertCompleted(service, session, FILE);
  assert.equal(service.events.filter(({ type }) => type === 'completed').length, 1);
  for (const [n, url] of urls.entries()) {
    const after = await head(service, url);
    assert.deepEqual([after.status, after.headers['upload-offset']], [200, String(PIECES[n]?.length)]);
    const late = await exchange(service.port, 'PATCH', url, { ...PATCH, 'upload-offset': 0 }, FILE);
    assert.equal(late.status, 410);
  }
  assert.equal((await service.uploads.quota(service.userId)).activeSessions, 0);
});

test('OPTIONS offers concatenation, and no unfinished one', async (t) => {
  const service = await startService(t);
  const { headers } = await exchange(service.port, 'OPTIONS', '/v1/uploads');
  const extensions = headers['tus-extension']?.split(',') ?? [];
  assert.ok(extensions.includes('concatenation'));
  assert.ok(!extensions.includes('concatenation-unfinished'));
});

test('partial uploads may be named by absolute URLs, and come in with their creation', async (t) => {
  const service = await startService(t);
  const urls: string[] = [];
  for (const piece of PIECES) {
    const headers = {
      'upload-concat': 'partial',
      'upload-length': piece.length,
      'content-type': PATCH['content-type'],
    };
    const created = await post(service, headers, piece);
    assert.equal(created.status, 201);
    assert.equal(created.headers['upload-offset'], String(piece.length));
    urls.push(`https://uploads.example/somewhere${created.headers.location}`);
  }
  const answer = await post(service, concat(urls));
  assert.equal(answer.status, 201);
  await assertCompleted(service, await service.find(idIn(answer.headers.location)), FILE);
});

test('a partial upload whose length came late is joined as well', async (t) => {
  const service = await startService(t);
  const created = await post(service, { 'upload-concat': 'partial', 'upload-defer-length': 1 });
  const { location = '' } = created.headers;
  const headers = { ...PATCH, 'upload-offset': 0 };
  assert.equal((await exchange(service.port, 'PATCH', location, headers, FILE)).status, 204);
  assert.equal((await post(service, concat([location]))).status, 400);
  const last = { ...PATCH, 'upload-offset': FILE.length, 'upload-length': FILE.length };
  assert.equal((await exchange(service.port, 'PATCH', location, last, Buffer.alloc(0))).status, 204);
  const answer = await post(service, concat([location]));
  assert.equal(answer.status, 201);
  await assertCompleted(service, await service.find(idIn(answer.headers.location)), FILE);
});

test('the creation of a final upload gives the same upload when it is repeated, at once or later', async (t) => {
  const service = await startService(t);
  const urls = await partialsOf(service);
  const answers = await Promise.all(Array.from({ length: 5 }, () => post(service, concat(urls))));
  answers.push(await post(service, concat(urls)));
  const locations = new Set(answers.map(({ status, headers }) => `${status} ${headers.location}`));
  assert.equal(locations.size, 1, [...locations].join('\n'));
  assert.equal(answers[0]?.status, 201);
  await assertCompleted(service, await service.find(idIn(answers[0]?.headers.location)), FILE);
  assert.equal(service.events.filter(({ type }) => type === 'completed').length, 1);
});

test('the order that the client tells is the order of the bytes', async (t) => {
  const service = await startService(t);
  const [a = '', b = '', c = ''] = await partialsOf(service);
  const answer = await post(service, concat([a, c, b]));
  const [first, second, third] = PIECES;
  assert.ok(first && second && third);
  await assertCompleted(
    service,
    await service.find(idIn(answer.headers.location)),
    Buffer.concat([first, third, second]),
  );
});

test('what cannot be a final upload is refused, and changes nothing', async (t) => {
  const service = await startService(t);
  const full = await partial(service, FILE);
  const unfinished = await partial(service, FILE, 10);
  const ordinary = service.target(await service.newSession({ expectedFileSize: 10 }));
  const reserved = 2 * FILE.length + 10;
  await assertQuota(service, { used: 0, reserved });

  const unknown = `/v1/uploads/${randomUUID()}`;
  const other = { authorization: service.authorization({ user_id: randomUUID() }) };
  const cases: [string, number, Headers, Uint8Array?][] = [
    ['unfinished', 400, concat([full, unfinished])],
    ['an ordinary upload', 400, concat([full, ordinary])],
    ['twice the same', 400, concat([full, full])],
    ['unknown', 404, concat([full, unknown])],
    ["another user's", 403, { ...concat([full]), ...other }],
    ['no URL', 400, { 'upload-concat': 'final;' }],
    ['no upload', 400, concat(['/v1/uploads'])],
    ['neither partial nor final', 400, { 'upload-concat': 'whole', 'upload-length': 5 }],
    ['with a length', 400, { ...concat([full]), 'upload-length': FILE.length }],
    ['with a deferred length', 400, { ...concat([full]), 'upload-defer-length': 1 }],
    ['with a body', 400, { ...concat([full]), 'content-type': PATCH['content-type'] }, FILE],
    ['an empty partial', 415, { 'upload-concat': 'partial', 'upload-length': 0 }],
  ];
  for (const [what, status, headers, body] of cases) {
    const answer = await post(service, headers, body);
    assert.equal(answer.status, status, what);
    assert.equal(answer.headers['tus-resumable'], '1.0.0', what);
  }
  await assertQuota(service, { used: 0, reserved });
  assert.equal((await service.find(idIn(full))).status, 'active');
  assert.equal((await service.uploads.quota(service.userId)).activeSessions, 3);
});

test('a final upload takes no bytes; a partial one takes them by tus alone', async (t) => {
  const service = await startService(t);
  const url = await partial(service, FILE, 1000);
  const { port } = service;
  const ietf = {
    'upload-complete': '?1',
    'upload-offset': 1000,
    'content-type': 'application/partial-upload',
  };
  assert.equal((await exchange(port, 'PUT', url, {}, FILE)).status, 409);
  assert.equal((await exchange(port, 'PUT', url, TUS, FILE)).status, 409);
  assert.equal((await exchange(port, 'PATCH', url, ietf, FILE.subarray(1000))).status, 409);
  const tooMuch = Buffer.concat([FILE.subarray(1000), Buffer.alloc(1)]);
  assert.equal(
    (await exchange(port, 'PATCH', url, { ...PATCH, 'upload-offset': 1000 }, tooMuch)).status,
    413,
  );
  assert.equal((await service.find(idIn(url))).uploadOffset, 1000);
  const rest = await exchange(port, 'PATCH', url, { ...PATCH, 'upload-offset': 1000 }, FILE.subarray(1000));
  assert.equal(rest.status, 204);

  const answer = await post(service, concat([url]));
  const { location = '' } = answer.headers;
  const patched = await exchange(port, 'PATCH', location, { ...PATCH, 'upload-offset': 0 }, FILE);
  assert.equal(patched.status, 403);
  await assertCompleted(service, await service.find(idIn(location)), FILE);
});

test('pieces that make no video are refused as a whole, and all they held is given back', async (t) => {
  const service = await startService(t);
  const urls = await Promise.all([partial(service, randomBytes(50_000)), partial(service, FILE)]);
  const answer = await post(service, concat(urls));
  assert.equal(answer.status, 415);
  assert.equal((await post(service, concat(urls))).status, 415);
  await assertQuota(service, { used: 0, reserved: 0 });
  assert.deepEqual([await service.partialFiles(), await service.finishedFiles()], [[], []]);
});

test('a user with as many partial uploads as he may have sessions can still join them', async (t) => {
  const service = await startService(t, { limits: { maxActiveSessions: 3 } });
  const answer = await post(service, concat(await partialsOf(service)));
  assert.equal(answer.status, 201);
});
