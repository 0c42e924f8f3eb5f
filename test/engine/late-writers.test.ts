import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { BlobStore } from '../../src/core/ports.ts';
import { finalUploadId } from '../../src/core/session-id.ts';
import { exchange } from '../protocols/raw-http.ts';
import { assertCompleted, assertQuota, PATCH, TUS } from './running.ts';
import { fakeMp4, type Service, startService } from './service.ts';

/** Writers that hang before their first byte is stored, and go on when nobody looks for their bytes any more. */

const FILE = fakeMp4(300_000);

/** The service on a disk on which the next writer to open hangs until it is released. */
async function startHanging(t: TestContext) {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let hangs = false;
  const wrapBlobs = (blobs: BlobStore): BlobStore => ({
    ...blobs,
    async open(...args) {
      if (hangs) {
        hangs = false;
        reached.resolve();
        await released.promise;
      }
      return blobs.open(...args);
    },
  });
  const service = await startService(t, { wrapBlobs, engine: { takeoverMs: 30 } });
  return {
    service,
    /** Make a request whose writer hangs: resolves when it does. */
    async hanging<T>(request: () => Promise<T>) {
      hangs = true;
      const answer = request().catch(() => null);
      await reached.promise;
      return { answer, release: released.resolve };
    },
  };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

const REQUESTS = {
  'a PATCH': PATCH,
  'a PATCH with its checksum': { ...PATCH, 'upload-checksum': `sha256 ${sha256(FILE)}` },
  'a PATCH with a wrong checksum': { ...PATCH, 'upload-checksum': `sha256 ${sha256(FILE.subarray(1))}` },
};

for (const [what, headers] of Object.entries(REQUESTS)) {
  const send = (service: Service, target: string) =>
    exchange(service.port, 'PATCH', target, { ...headers, 'upload-offset': 0 }, FILE);

  test(`${what} that begins to store when a newer request has completed the upload leaves nothing`, async (t) => {
    const { service, hanging } = await startHanging(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const late = await hanging(() => send(service, service.target(session)));
    const newer = await exchange(service.port, 'PUT', service.target(session), {}, FILE);
    assert.equal(newer.status, 201);
    late.release();
    await late.answer;
    await assertCompleted(service, session, FILE);
  });

  test(`${what} that begins to store when the upload was cancelled leaves nothing`, async (t) => {
    const { service, hanging } = await startHanging(t);
    const session = await service.newSession({ expectedFileSize: FILE.length });
    const late = await hanging(() => send(service, service.target(session)));
    const cancelled = await exchange(service.port, 'DELETE', service.target(session));
    assert.equal(cancelled.status, 204);
    late.release();
    await late.answer;
    assert.deepEqual(await service.partialFiles(), []);
    await assertQuota(service, { used: 0, reserved: 0 });
  });
}

test('a final upload that is cancelled before its pieces are joined leaves nothing', async (t) => {
  const { service, hanging } = await startHanging(t);
  const urls: string[] = [];
  const post = { ...TUS, authorization: service.authorization() };
  for (const piece of [FILE.subarray(0, 100_000), FILE.subarray(100_000)]) {
    const headers = { ...post, 'upload-concat': 'partial', 'upload-length': piece.length };
    const { location = '' } = (await exchange(service.port, 'POST', '/v1/uploads', headers)).headers;
    const sent = await exchange(service.port, 'PATCH', location, { ...PATCH, 'upload-offset': 0 }, piece);
    assert.equal(sent.status, 204);
    urls.push(location);
  }
  const ids = urls.map((url) => /uploads\/([0-9a-f-]{36})/.exec(url)?.[1] ?? '');
  const joining = await hanging(() =>
    exchange(service.port, 'POST', '/v1/uploads', { ...post, 'upload-concat': `final;${urls.join(' ')}` }),
  );
  const final = await service.find({ sessionId: finalUploadId(ids) });
  await service.engine.stop(final);
  await service.uploads.cancel(final);
  joining.release();
  await joining.answer;
  const left = await service.partialFiles();
  assert.deepEqual(
    left.filter((name) => name.includes(final.sessionId)),
    [],
  );
});
