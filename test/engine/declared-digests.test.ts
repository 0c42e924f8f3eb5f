import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { exchange } from '../protocols/raw-http.ts';
import { assertCompleted, assertFailed, patch, sendPart } from './running.ts';
import { fakeMp4, startService } from './service.ts';

const FILE = fakeMp4(300_000);
const SHA256 = createHash('sha256').update(FILE).digest('hex');

for (const declared of ['this file', 'another file']) {
  test(`the digest of ${declared}, told with its last bytes, is compared though its process died`, async (t) => {
    const sealed = Promise.withResolvers<void>();
    const dying = await startService(t, {
      wrapSessions: (sessions) => ({
        ...sessions,
        async commit(sessionId, epoch, progress) {
          const result = await sessions.commit(sessionId, epoch, progress);
          if (!progress.seal) return result;
          sealed.resolve();
          throw new SluiceError('REDIS_CONNECTION_ERROR', 'Its process is gone.');
        },
      }),
    });
    const session = await dying.newSession({ expectedFileSize: FILE.length });
    const hash = createHash('sha256').update(declared === 'this file' ? FILE : declared);
    const headers = { 'upload-complete': '?1', 'repr-digest': `sha-256=:${hash.digest('base64')}:` };
    const cut = exchange(dying.port, 'PUT', dying.target(session), headers, FILE);
    await sealed.promise;
    assert.equal((await cut).status, 503);

    const service = await startService(t, { folder: dying.folder });
    const outcome = await service.engine.finishStored(await service.find(session));
    const came = outcome.ok ? outcome.value.status : outcome.refusal.code;
    assert.equal(came, declared === 'this file' ? 'completed' : 'DIGEST_MISMATCH');
  });
}

test('two digests that no file can have both are refused, whichever the file has', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length, sha256: SHA256 });
  const other = createHash('sha256').update('another file').digest('base64');
  const headers = { 'upload-complete': '?1', 'repr-digest': `sha-256=:${other}:` };
  const answer = await exchange(service.port, 'PUT', service.target(session), headers, FILE);
  assert.deepEqual([answer.status, answer.json().error_code], [422, 'DIGEST_MISMATCH']);
  await assertFailed(service, session, 'DIGEST_MISMATCH');
});

test('a file whose sha256 is the declared one completes, resumed or not', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length, sha256: SHA256 });
  assert.equal((await patch(service, session, 0, FILE.subarray(0, 5000))).status, 204);
  assert.equal((await patch(service, session, 5000, FILE.subarray(5000))).status, 204);
  await assertCompleted(service, session, FILE);
});

test('a file whose sha256 is another fails with 422, and nothing of it stays', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length, sha256: '0'.repeat(64) });
  const send = () => exchange(service.port, 'PUT', service.target(session), {}, FILE);
  const answer = await send();
  assert.equal(answer.status, 422);
  assert.equal(answer.json().error_code, 'DIGEST_MISMATCH');
  await assertFailed(service, session, 'DIGEST_MISMATCH');
  assert.equal((await send()).json().error_code, 'DIGEST_MISMATCH');
});

test('the digest of an upload that another process began is taken from the stored bytes', async (t) => {
  const first = await startService(t);
  const session = await first.newSession({ expectedFileSize: FILE.length, sha256: SHA256 });
  assert.equal((await patch(first, session, 0, FILE.subarray(0, 123_456))).status, 204);
  await first.stop();
  const second = await startService(t, { folder: first.folder });
  assert.equal((await patch(second, session, 123_456, FILE.subarray(123_456))).status, 204);
  assert.equal((await second.find(session)).contentSha256, SHA256);
});

test('a digest kept for a resume is not used once somebody else has written the session', async (t) => {
  const first = await startService(t);
  const session = await first.newSession({ expectedFileSize: FILE.length });
  const other = Buffer.from(FILE);
  other.fill(0x55, 5000, 6000);
  assert.equal((await patch(first, session, 0, FILE.subarray(0, 10_000))).status, 204);
  // Another process begins the file anew, with other bytes, up to the very same offset.
  const second = await startService(t, { folder: first.folder });
  const headers = { 'content-length': FILE.length };
  const client = await sendPart(second, session, 'PUT', headers, other.subarray(0, 10_000));
  client.hangUp();
  await second.happened((event) => event.type === 'progress' && event.uploadOffset === 10_000);

  assert.equal((await patch(first, session, 10_000, other.subarray(10_000))).status, 204);
  assert.equal((await first.find(session)).contentSha256, createHash('sha256').update(other).digest('hex'));
});
