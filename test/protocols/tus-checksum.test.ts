import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { assertCompleted, offsetOf, PATCH, patch, TUS } from '../engine/running.ts';
import { fakeMp4, startService } from '../engine/service.ts';
import { chunked, exchange, head, rawClient } from './raw-http.ts';

/** tus 1.0.0, extensions "checksum" and "checksum-trailer". */

const FILE = fakeMp4(150_000);
const PART = FILE.subarray(0, 60_000);
const digest = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('base64');

test('OPTIONS names the algorithms and both extensions', async (t) => {
  const service = await startService(t);
  const answer = await exchange(service.port, 'OPTIONS', '/v1/uploads', TUS);
  assert.equal(answer.headers['tus-checksum-algorithm'], 'sha1,sha256,crc32c');
  const extensions = answer.headers['tus-extension']?.split(',') ?? [];
  assert.ok(extensions.includes('checksum') && extensions.includes('checksum-trailer'));
});

test('the right checksum is taken, by each algorithm', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const target = service.target(session);
  // CRC-32C of "123456789" is e3069283 (RFC 9260, appendix A, and every catalogue of CRCs).
  const digits = Buffer.from('123456789');
  const other = await service.newSession({ expectedFileSize: digits.length });
  const crc = { ...PATCH, 'upload-offset': 0, 'upload-checksum': 'crc32c 4waSgw==' };
  const wrongFormat = await exchange(service.port, 'PATCH', service.target(other), crc, digits);
  assert.equal(
    wrongFormat.json().error_code,
    'UNSUPPORTED_FORMAT',
    'the checksum passed, the format did not',
  );

  let offset = 0;
  for (const algorithm of ['sha1', 'sha256']) {
    const bytes = FILE.subarray(offset, offset + 75_000);
    const headers = {
      ...PATCH,
      'upload-offset': offset,
      'upload-checksum': `${algorithm} ${digest(algorithm, bytes)}`,
    };
    const answer = await exchange(service.port, 'PATCH', target, headers, bytes);
    assert.equal(answer.status, 204, algorithm);
    offset += bytes.length;
  }
  await assertCompleted(service, session, FILE);
});

test('a wrong checksum is 460 and the offset is as before; the right bytes then go on', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await patch(service, session, 0, PART);
  const rest = FILE.subarray(60_000);
  for (const checksum of [
    `sha1 ${digest('sha1', PART)}`,
    `sha256 ${digest('sha256', PART)}`,
    'crc32c AAAAAA==',
  ]) {
    const headers = { ...PATCH, 'upload-offset': 60_000, 'upload-checksum': checksum };
    const answer = await exchange(service.port, 'PATCH', service.target(session), headers, rest);
    assert.deepEqual([answer.status, answer.json().error_code], [460, 'CHECKSUM_MISMATCH'], checksum);
    assert.equal(answer.headers['tus-resumable'], '1.0.0');
    assert.equal(await offsetOf(service, session), 60_000);
  }
  await patch(service, session, 60_000, rest);
  await assertCompleted(service, session, FILE);
});

test('another algorithm, or what is no digest, is 400 and nothing changes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  for (const checksum of [
    'md5 1B2M2Y8AsgTpgAmY7PhCfg==',
    'sha1',
    'sha1 ',
    'sha1 zzz',
    'sha256 AAAA',
    'x y z',
  ]) {
    const headers = { ...PATCH, 'upload-offset': 0, 'upload-checksum': checksum };
    const answer = await exchange(service.port, 'PATCH', service.target(session), headers, PART);
    assert.deepEqual([answer.status, answer.json().error_code], [400, 'INVALID_REQUEST'], checksum);
  }
  assert.equal(await offsetOf(service, session), 0);
});

test('a checksum in a trailer is checked as one before the body; a body without it is not taken', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  async function send(trailer: string): Promise<number> {
    const client = rawClient(service.port);
    const headers = {
      ...PATCH,
      'upload-offset': 0,
      'transfer-encoding': 'chunked',
      trailer: 'Upload-Checksum',
    };
    await client.send(head('PATCH', service.target(session), headers));
    await client.send(chunked(FILE, { end: false }));
    await client.send(`0\r\n${trailer}\r\n`);
    const answer = await client.answer();
    client.socket.destroy();
    return answer.status;
  }
  assert.equal(await send(`Upload-Checksum: sha1 ${digest('sha1', PART)}\r\n`), 460);
  assert.equal(await send(''), 460);
  assert.equal(await offsetOf(service, session), 0);
  assert.equal(await send(`Upload-Checksum: sha256 ${digest('sha256', FILE)}\r\n`), 204);
  await assertCompleted(service, session, FILE);
});

test('bytes that come with the creation are checked too', async (t) => {
  const service = await startService(t);
  for (const [bytes, status] of [
    [FILE, 201],
    [PART, 460],
  ] as const) {
    const headers = {
      ...PATCH,
      authorization: service.authorization(),
      'upload-length': FILE.length,
      'upload-checksum': `sha256 ${digest('sha256', bytes)}`,
    };
    const answer = await exchange(service.port, 'POST', '/v1/uploads', headers, FILE);
    assert.equal(answer.status, status);
  }
});
