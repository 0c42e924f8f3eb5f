import assert from 'node:assert/strict';
import { type FileHandle, open, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { tusJsClient } from '../clients/node-clients.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { exchange } from '../protocols/raw-http.ts';
import { assertCompleted, assertQuota, offsetOf, patch, TUS } from './running.ts';
import { fakeMp4, type ServiceOptions, startService } from './service.ts';

const FILE = fakeMp4(300_000);

/** Fails its first call: before it has done anything, or with its answer lost. */
function failingOnce<A extends unknown[], R>(
  when: 'before' | 'after',
  operation: (...args: A) => Promise<R>,
) {
  let calls = 0;
  return async (...args: A): Promise<R> => {
    calls += 1;
    const fault = new SluiceError('STORAGE_UNAVAILABLE', 'Try again in a moment.');
    if (calls === 1 && when === 'before') throw fault;
    const result = await operation(...args);
    if (calls === 1) throw fault;
    return result;
  };
}

for (const when of ['before', 'after'] as const) {
  const steps: Record<string, ServiceOptions> = {
    'making the file durable': {
      wrapBlobs: (blobs) => ({ ...blobs, finalize: failingOnce(when, blobs.finalize) }),
    },
    'settling in the ledger': {
      wrapLedger: (ledger) => ({ ...ledger, settle: failingOnce(when, ledger.settle) }),
    },
    'finishing the session': {
      wrapSessions: (sessions) => ({ ...sessions, finish: failingOnce(when, sessions.finish) }),
    },
  };
  for (const [step, options] of Object.entries(steps)) {
    test(`cut off ${when} ${step}, a repeated PUT gets the same answer and is counted once`, async (t) => {
      const service = await startService(t, options);
      const session = await service.newSession({ expectedFileSize: FILE.length });
      const send = () => exchange(service.port, 'PUT', service.target(session), {}, FILE);
      assert.equal((await send()).status, 503);
      assert.equal((await send()).status, 201);
      assert.equal((await send()).status, 201);
      await assertCompleted(service, session, FILE);
    });

    test(`cut off ${when} ${step}, a tus client that only asks for the offset completes it`, async (t) => {
      const service = await startService(t, options);
      const session = await service.newSession({ expectedFileSize: FILE.length });
      assert.equal((await patch(service, session, 0, FILE)).status, 503);
      assert.equal(await offsetOf(service, session), FILE.length);
      await assertCompleted(service, session, FILE);
      assert.equal((await patch(service, session, FILE.length, Buffer.alloc(0))).status, 204);
    });
  }
}

/** A ledger that does not settle the first so many times. */
function awayFor(times: number): ServiceOptions {
  let left = times;
  return {
    wrapLedger: (ledger) => ({
      ...ledger,
      async settle(settlement) {
        if (left-- > 0) throw new SluiceError('LEDGER_UNAVAILABLE', 'Try again.', { retryAfterSeconds: 3 });
        return ledger.settle(settlement);
      },
    }),
  };
}

test('while a stored upload cannot be completed, tus-js-client waits for it and sends nothing again', async (t) => {
  const service = await startService(t, awayFor(5));
  const endpoint = `${service.origin}/v1/uploads`;
  const url = await tusJsClient({ endpoint, authorization: service.authorization() }, FILE);
  const sessionIds = service.events.flatMap(({ type, sessionId }) => (type === 'created' ? [sessionId] : []));
  assert.equal(sessionIds.length, 1, 'one session');
  const [sessionId = ''] = sessionIds;
  assert.ok(url.includes(sessionId));
  await assertCompleted(service, await service.find({ sessionId }), FILE);
});

test('the tus HEAD of a stored upload is 423 while it cannot be completed, but 503 once its bytes are lost', async (t) => {
  const service = await startService(t, awayFor(2));
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(service, session, 0, FILE)).status, 503);
  const head = () => exchange(service.port, 'HEAD', service.target(session), TUS);
  const locked = await head();
  assert.equal(locked.status, 423);
  assert.equal(locked.headers['retry-after'], '3');
  assert.equal(locked.headers['upload-offset'], undefined);

  const [stored = ''] = await service.finishedFiles();
  await rm(join(service.uploadFolder, stored));
  assert.equal((await head()).status, 503);
});

/** The disk says of the first bytes it is to have that it failed, and from then on that all is well, as Linux does. */
async function failDiskOnce(t: TestContext): Promise<void> {
  const file = await open(tmpdir());
  await file.close();
  const datasync = t.mock.method(Object.getPrototypeOf(file) as FileHandle, 'datasync');
  const fault = Object.assign(new Error('a bad sector'), { code: 'EIO' });
  datasync.mock.mockImplementationOnce(() => Promise.reject(fault));
}

test('a tus upload whose end the disk failed to take goes on before it, and only then completes', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(service, session, 0, FILE.subarray(0, 200_000))).status, 204);
  await failDiskOnce(t);
  assert.equal((await patch(service, session, 200_000, FILE.subarray(200_000))).status, 503);
  assert.equal(await offsetOf(service, session), 0);
  assert.equal((await patch(service, session, 0, Buffer.alloc(0))).status, 204);
  assert.equal((await service.find(session)).status, 'active');
  assert.equal((await patch(service, session, 0, FILE)).status, 204);
  await assertCompleted(service, session, FILE);
});

for (const told of ['initiate', 'nobody'] as const) {
  test(`a PUT of a length known to ${told} whose bytes the disk failed to take completes when it is repeated, not before`, async (t) => {
    const service = await startService(t);
    const session = await service.newSession(told === 'initiate' ? { expectedFileSize: FILE.length } : {});
    const send = () => exchange(service.port, 'PUT', service.target(session), {}, FILE);
    await failDiskOnce(t);
    assert.equal((await send()).status, 503);
    const failed = await service.find(session);
    assert.deepEqual([failed.uploadOffset, failed.sealed], [0, false]);
    assert.ok((await service.engine.finishStored(failed)).ok);
    assert.equal((await service.find(session)).status, 'active');
    assert.equal((await send()).status, 201);
    await assertCompleted(service, session, FILE);
  });
}

test('a seal whose answer was lost is repeated, and the upload completes', async (t) => {
  let lost = 0;
  const service = await startService(t, {
    wrapSessions: (sessions) => ({
      ...sessions,
      async commit(sessionId, epoch, progress) {
        const result = await sessions.commit(sessionId, epoch, progress);
        if (progress.seal && lost++ === 0) throw new SluiceError('REDIS_CONNECTION_ERROR', 'Try again.');
        return result;
      },
    }),
  });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, FILE)).status, 201);
  assert.equal(lost, 2);
  await assertCompleted(service, session, FILE);
});

test('a session store that is away for a moment costs a request nothing', async (t) => {
  let failures = 0;
  const service = await startService(t, {
    engine: { commitBytes: 1 << 20 },
    wrapSessions: (sessions) => ({
      ...sessions,
      async commit(...args) {
        if (failures++ < 3) throw new SluiceError('REDIS_CONNECTION_ERROR', 'Try again.');
        return sessions.commit(...args);
      },
    }),
  });
  const file = fakeMp4(6 << 20);
  const session = await service.newSession({ expectedFileSize: file.length });
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, file)).status, 201);
  await assertCompleted(service, session, file);
});

test('while the session store stays away the answer is 503 in time, and the upload resumes later', async (t) => {
  let away = true;
  const service = await startService(t, {
    engine: { storeGraceMs: 250 },
    wrapSessions: (sessions) => ({
      ...sessions,
      async commit(...args) {
        if (away) throw new SluiceError('REDIS_CONNECTION_ERROR', 'Try again in a moment.');
        return sessions.commit(...args);
      },
    }),
  });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const elapsedMs = startStopwatch();
  const answer = await patch(service, session, 0, FILE.subarray(0, 100_000));
  assert.equal(answer.status, 503);
  assert.equal(answer.json().error_code, 'REDIS_CONNECTION_ERROR');
  assert.ok(elapsedMs() < 2000);
  away = false;
  assert.equal(await offsetOf(service, session), 0);
  assert.equal((await patch(service, session, 0, FILE)).status, 204);
  await assertCompleted(service, session, FILE);
});

test('a full disk is 507, the offset stays true, and the upload goes on when there is room', async (t) => {
  let full = true;
  const service = await startService(t, {
    wrapBlobs: (blobs) => ({
      ...blobs,
      async open(ref, at) {
        const writer = await blobs.open(ref, at);
        const { writeBy } = writer;
        async function whereThereIsRoom(write: () => Promise<void>): Promise<void> {
          if (full && writer.progress().offset > 0) {
            throw new SluiceError('STORAGE_FULL', 'The storage is full. Resume later.');
          }
          await write();
        }
        return {
          ...writer,
          write: (chunks) => whereThereIsRoom(() => writer.write(chunks)),
          ...(writeBy && { writeBy: (store, chunks) => whereThereIsRoom(() => writeBy(store, chunks)) }),
        };
      },
    }),
  });
  const file = fakeMp4(4 << 20);
  const session = await service.newSession({ expectedFileSize: file.length });
  const answer = await patch(service, session, 0, file);
  assert.equal(answer.status, 507);
  const offset = await offsetOf(service, session);
  assert.ok(offset > 0 && offset < file.length);
  full = false;
  assert.equal((await patch(service, session, offset, file.subarray(offset))).status, 204);
  await assertCompleted(service, session, file);
});

test('bytes that a power cut took from the disk are asked for again', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(service, session, 0, FILE.subarray(0, 200_000))).status, 204);
  const [partial = ''] = await service.partialFiles();
  await truncate(join(service.tempFolder, partial), 150_000);
  const answer = await patch(service, session, 200_000, FILE.subarray(200_000));
  assert.equal(answer.status, 409);
  assert.equal(answer.headers['upload-offset'], '150000');
  assert.equal((await patch(service, session, 150_000, FILE.subarray(150_000))).status, 204);
  await assertCompleted(service, session, FILE);
});

test('events tell of progress, verification and completion, in this order', async (t) => {
  // Progress is told once, however long the machine stands still meanwhile.
  const service = await startService(t, { engine: { commitIntervalMs: 60_000 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await exchange(service.port, 'PUT', service.target(session), {}, FILE);
  const types = service.events.map((event) => event.type);
  assert.deepEqual(types, ['created', 'progress', 'verifying', 'completed']);
  assert.equal(service.events[1]?.uploadOffset, FILE.length);
  await assertQuota(service, { used: FILE.length, reserved: 0 });
  assert.ok((await readFile(join(service.uploadFolder, `${session.sessionId}.mp4`))).equals(FILE));
});
