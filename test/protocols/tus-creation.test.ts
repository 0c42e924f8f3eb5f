import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertQuota, PATCH, TUS } from '../engine/running.ts';
import { fakeMp4, type Service, startService } from '../engine/service.ts';
import { exchange } from './raw-http.ts';

const FILE = fakeMp4(150_000);
const base64 = (text: string) => Buffer.from(text).toString('base64');

function create(service: Service, headers: Record<string, string | number>, body: Uint8Array | null = null) {
  const authorization = service.authorization();
  return exchange(service.port, 'POST', '/v1/uploads', { authorization, ...TUS, ...headers }, body);
}

const idIn = (location = '') => ({ sessionId: /uploads\/([0-9a-f-]{36})/.exec(location)?.[1] ?? '' });

test('POST creates a session with its quota reserved, and tells where it is', async (t) => {
  const service = await startService(t);
  const metadata = [
    `filename ${base64('Ürlaub.mp4')}`,
    `filetype ${base64('video/mp4')}`,
    `source_section ${base64('gallery')}`,
    `workflow_type ${base64('batch_upload')}`,
    'is_private',
  ].join(',');
  const answer = await create(service, { 'upload-length': FILE.length, 'upload-metadata': metadata });
  assert.equal(answer.status, 201);
  assert.ok(Date.parse(answer.headers['upload-expires'] ?? '') > Date.now());
  const { location = '' } = answer.headers;
  const session = await service.find(idIn(location));
  assert.equal(session.filename, 'Ürlaub.mp4');
  assert.equal(session.fileFormat, 'mp4');
  assert.equal(session.expectedFileSize, FILE.length);
  const context = JSON.parse(session.dashboardContext);
  assert.deepEqual([context.source_section, context.workflow_type], ['gallery', 'batch_upload']);
  await assertQuota(service, { used: 0, reserved: FILE.length });

  const head = await exchange(service.port, 'HEAD', location, TUS);
  assert.equal(head.headers['upload-metadata'], metadata);
  const patch = await exchange(service.port, 'PATCH', location, { ...PATCH, 'upload-offset': 0 }, FILE);
  assert.equal(patch.status, 204);
  assert.equal((await service.find(session)).status, 'completed');
});

test('without metadata the defaults stand', async (t) => {
  const service = await startService(t);
  const answer = await create(service, { 'upload-length': 5 });
  const context = JSON.parse((await service.find(idIn(answer.headers.location))).dashboardContext);
  assert.deepEqual([context.source_section, context.workflow_type], ['video_analysis', 'single_upload']);
});

test('bytes sent with the creation are stored; all of them complete it', async (t) => {
  const service = await startService(t);
  for (const sent of [5000, FILE.length]) {
    const headers = { 'upload-length': FILE.length, 'content-type': PATCH['content-type'] };
    const answer = await create(service, headers, FILE.subarray(0, sent));
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['upload-offset'], String(sent));
    const session = await service.find(idIn(answer.headers.location));
    assert.equal(session.uploadOffset, sent);
    assert.equal(session.status, sent === FILE.length ? 'completed' : 'active');
  }
});

test('a deferred length is told later', async (t) => {
  const service = await startService(t);
  const answer = await create(service, { 'upload-defer-length': 1 });
  assert.equal(answer.status, 201);
  const headers = { ...PATCH, 'upload-offset': 0, 'upload-length': FILE.length };
  const { location = '' } = answer.headers;
  assert.equal((await exchange(service.port, 'PATCH', location, headers, FILE)).status, 204);
  assert.equal((await service.find(idIn(location))).status, 'completed');
});

const LENGTH = { 'upload-length': 5000 };
const REFUSED: [string, Record<string, string | number>, number, Uint8Array?][] = [
  ['neither length nor its deferral', {}, 400],
  ['both', { ...LENGTH, 'upload-defer-length': 1 }, 400],
  ['a deferral of 0', { 'upload-defer-length': 0 }, 400],
  ['a length of -1', { 'upload-length': -1 }, 400],
  ['a length of 1e3', { 'upload-length': '1e3' }, 400],
  ['a length of 2^53', { 'upload-length': '9007199254740992' }, 400],
  ['a length over the maximum', { 'upload-length': 524_288_001 }, 413],
  ['a length over the quota', { 'upload-length': 1_000_001 }, 429],
  ['a length of 0', { 'upload-length': 0 }, 415],
  ['bad base64', { ...LENGTH, 'upload-metadata': 'filename a' }, 400],
  ['unpadded base64', { ...LENGTH, 'upload-metadata': 'filename aGk' }, 400],
  ['a key that comes twice', { ...LENGTH, 'upload-metadata': 'a aGk=,a aGk=' }, 400],
  ['an empty key', { ...LENGTH, 'upload-metadata': 'a aGk=,,b aGk=' }, 400],
  ['metadata that is no UTF-8', { ...LENGTH, 'upload-metadata': 'filename /w==' }, 400],
  ['a filename with a line break', { ...LENGTH, 'upload-metadata': `filename ${base64('a\nb')}` }, 400],
  [
    'a filename that is too long',
    { ...LENGTH, 'upload-metadata': `filename ${base64('x'.repeat(256))}` },
    400,
  ],
  ['a blank section', { ...LENGTH, 'upload-metadata': `source_section ${base64('  ')}` }, 400],
  ['an unknown workflow', { ...LENGTH, 'upload-metadata': `workflow_type ${base64('x')}` }, 400],
  ['bytes of another type', { ...LENGTH, 'content-type': 'video/mp4' }, 415, FILE.subarray(0, 5000)],
  ['no credentials', { ...LENGTH, authorization: '' }, 401],
];

for (const [what, headers, status, body] of REFUSED) {
  test(`a creation with ${what} is ${status} and creates nothing`, async (t) => {
    const service = await startService(t, { quota: 1_000_000 });
    const answer = await create(service, headers, body ?? null);
    assert.equal(answer.status, status);
    assert.equal(answer.headers['tus-resumable'], '1.0.0');
    assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/);
    assert.equal(answer.headers.location, undefined);
    assert.deepEqual(await service.store.liveSessions(service.userId), []);
    await assertQuota(service, { used: 0, reserved: 0 });
  });
}

test('a caller without create_sessions may not create', async (t) => {
  const service = await startService(t);
  const authorization = service.authorization({ permissions: ['upload_files'] });
  const answer = await create(service, { ...LENGTH, authorization });
  assert.equal(answer.status, 403);
  assert.equal(answer.json().error_code, 'PERMISSION_DENIED');
});

test('bytes sent with the creation that are no video are 415, and its reservation is given back', async (t) => {
  const service = await startService(t);
  const headers = { ...LENGTH, 'content-type': PATCH['content-type'] };
  assert.equal((await create(service, headers, Buffer.alloc(5000, 'a'))).status, 415);
  await assertQuota(service, { used: 0, reserved: 0 });
  assert.deepEqual(await service.partialFiles(), []);
});

test('where any file is allowed, a length of 0 creates a complete upload', async (t) => {
  const service = await startService(t, { limits: { allowedFormats: '*' } });
  const answer = await create(service, { 'upload-length': 0 });
  assert.equal(answer.status, 201);
  assert.equal((await service.find(idIn(answer.headers.location))).status, 'completed');
});
