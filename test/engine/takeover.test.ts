import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Session } from '../../src/core/session.ts';
import { createWriters } from '../../src/engine/writers.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { exchange } from '../protocols/raw-http.ts';
import { assertCompleted, offsetOf, PATCH, patch, sendPart } from './running.ts';
import { fakeMp4, type Service, startService } from './service.ts';

const FILE = fakeMp4(1_000_000);
const WHOLE = { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length };

test('the newest request takes the upload over: the running one is stopped, its bytes are kept', async (t) => {
  const service = await startService(t, { engine: { commitIntervalMs: 20 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const old = await sendPart(service, session, 'PATCH', WHOLE, FILE.subarray(0, 100_000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 100_000);

  const elapsedMs = startStopwatch();
  const answer = await patch(service, session, 100_000, FILE.subarray(100_000));
  assert.equal(answer.status, 204);
  assert.ok(elapsedMs() < 1000, 'the newcomer goes on within a second');
  const oldAnswer = await old.answer();
  assert.equal(oldAnswer.status, 409);
  assert.equal(oldAnswer.json().error_code, 'CONFLICT');
  await assertCompleted(service, session, FILE);
  old.socket.destroy();
});

test('a newcomer at an offset that the running writer has left behind learns the true one', async (t) => {
  const service = await startService(t, { engine: { commitIntervalMs: 200 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  // Far below a batch and its second: the bytes are gathered, and no offset tells of them yet.
  const old = await sendPart(service, session, 'PATCH', WHOLE, FILE.subarray(0, 100_000));
  await service.happened((event) => event.type === 'progress');
  await old.send(FILE.subarray(100_000, 150_000));
  const offset = await offsetOf(service, session);

  const first = await patch(service, session, offset, FILE.subarray(offset));
  if (first.status === 409) {
    const truth = Number(first.headers['upload-offset']);
    assert.ok(truth > offset && truth <= 150_000);
    assert.equal((await patch(service, session, truth, FILE.subarray(truth))).status, 204);
  }
  await assertCompleted(service, session, FILE);
  old.socket.destroy();
});

test('reading offset and status never disturbs the writer', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const client = await sendPart(service, session, 'PATCH', WHOLE, FILE.subarray(0, 500_000));
  for (let n = 0; n < 5; n += 1) {
    await offsetOf(service, session);
    assert.equal((await exchange(service.port, 'HEAD', service.target(session))).status, 200);
    assert.equal((await exchange(service.port, 'GET', service.target(session))).status, 200);
  }
  await client.send(FILE.subarray(500_000));
  assert.equal((await client.answer()).status, 204);
  await assertCompleted(service, session, FILE);
  client.socket.destroy();
});

test('a request at an offset that is wrong for good does not disturb the writer', async (t) => {
  const service = await startService(t, { engine: { commitIntervalMs: 20 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const client = await sendPart(service, session, 'PATCH', WHOLE, FILE.subarray(0, 100_000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 100_000);
  assert.equal((await patch(service, session, 7, FILE.subarray(7))).status, 409);
  await client.send(FILE.subarray(100_000));
  assert.equal((await client.answer()).status, 204);
  await assertCompleted(service, session, FILE);
  client.socket.destroy();
});

test('ten requests at once for the same upload: its file is right, and it is counted once', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      exchange(service.port, 'PUT', service.target(session), {}, FILE).catch(() => null),
    ),
  );
  assert.ok(answers.some((answer) => answer?.status === 201));
  for (const answer of answers) assert.ok(answer === null || [201, 409].includes(answer.status));
  await assertCompleted(service, session, FILE);
  assert.equal(service.events.filter((event) => event.type === 'completed').length, 1);
});

test('cancelling stops a running transfer, deletes its bytes and gives the reservation back', async (t) => {
  const service = await startService(t, { engine: { commitIntervalMs: 20 } });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const headers = { 'content-length': FILE.length };
  const client = await sendPart(service, session, 'PUT', headers, FILE.subarray(0, 400_000));
  await service.happened((event) => event.type === 'progress' && event.uploadOffset === 400_000);
  const cancelled = await exchange(service.port, 'DELETE', service.target(session));
  assert.equal(cancelled.status, 204);
  const answer = await client.answer();
  assert.equal(answer.status, 410);
  assert.equal((await service.find(session)).status, 'cancelled');
  assert.deepEqual(await service.partialFiles(), []);
  assert.equal((await service.uploads.quota(service.userId)).reservedBytes, 0);
});

test('a writer of another process that still runs cannot reach the bytes of the newcomer', async (t) => {
  const first = await startService(t, { engine: { commitIntervalMs: 20 } });
  const session = await first.newSession({ expectedFileSize: FILE.length });
  const old = await sendPart(first, session, 'PATCH', WHOLE, FILE.subarray(0, 100_000));
  await first.happened((event) => event.type === 'progress' && event.uploadOffset === 100_000);

  const second = await startService(t, { folder: first.folder });
  const part = FILE.subarray(100_000, 300_000);
  assert.equal((await patch(second, session, 100_000, part)).status, 204);
  // The old writer still gets bytes, other ones, and more of them.
  await old.send(Buffer.alloc(600_000, 0xee));
  assert.equal((await old.answer()).status, 409);
  assert.equal((await patch(second, session, 300_000, FILE.subarray(300_000))).status, 204);
  await assertCompleted({ ...second, userId: first.userId }, session, FILE);
  old.socket.destroy();
});

test('where the writer of another process is known to have stopped, the same file is written on', async (t) => {
  const first = await startService(t);
  const session = await first.newSession({ expectedFileSize: FILE.length });
  assert.equal((await patch(first, session, 0, FILE.subarray(0, 100_000))).status, 204);
  const [before] = await first.partialFiles();

  const asked: string[] = [];
  const second = await startService(t, {
    folder: first.folder,
    stopRemoteWriter: async (_instance, sessionId) => asked.push(sessionId) > 0,
  });
  assert.equal((await patch(second, session, 100_000, FILE.subarray(100_000, 200_000))).status, 204);
  assert.deepEqual(asked, [session.sessionId]);
  assert.deepEqual(await second.partialFiles(), [before]);
});

/** What waits for a writer of another process to stop, and the code that it is refused with. */
const NEWCOMERS = {
  async 'a request'(service: Service, session: Session): Promise<unknown> {
    return (await exchange(service.port, 'PUT', service.target(session), {}, FILE)).json().error_code;
  },
  async 'the joining of pieces'(service: Service, session: Session): Promise<unknown> {
    const outcome = await service.engine.concatenate(await service.find(session), []);
    return outcome.ok ? null : outcome.refusal.code;
  },
};

for (const [newcomer, come] of Object.entries(NEWCOMERS)) {
  for (const [what, code, happen] of [
    ['the service stops', 'STORAGE_UNAVAILABLE', ({ engine }: Service) => engine.close(2000)],
    [
      'the upload is cancelled',
      'SESSION_EXPIRED',
      ({ engine }: Service, session: Session) => engine.stop(session),
    ],
  ] as const) {
    test(`${newcomer} that still waits to take over when ${what} is refused for that`, async (t) => {
      const asked = Promise.withResolvers<void>();
      const left = Promise.withResolvers<boolean>();
      const service = await startService(t, {
        async stopRemoteWriter() {
          asked.resolve();
          return left.promise;
        },
      });
      const session = await service.newSession({ expectedFileSize: FILE.length });
      await service.store.take(session.sessionId, 'another process');
      const answer = come(service, session);
      await asked.promise;
      const over = happen(service, session);
      left.resolve(true);
      assert.equal(await answer, code);
      await over;
    });
  }
}

test('a newcomer waits for all writers before it, and is told when one of them does not leave', async () => {
  const writers = createWriters(30, 86_400_000);
  const id = randomUUID();
  const first = writers.enter(id);
  const second = writers.enter(id);
  assert.equal(first.signal.reason, 'taken_over');
  assert.equal(await second.alone, false);
  first.leave(true);
  const third = writers.enter(id);
  assert.equal(second.signal.reason, 'taken_over');
  second.leave(true);
  assert.equal(await third.alone, true);
  third.leave(true);
  assert.equal(writers.has(id), false);
});

test('that a writer left others behind is known for as long as its session can be written, and no longer', async () => {
  let now = 0;
  const writers = createWriters(30, 1000, () => now);
  const leave = (sessionId: string, clean: boolean) => writers.enter(sessionId).leave(clean);
  const isKnown = async (sessionId: string) => !(await writers.stop(sessionId, 'taken_over'));
  const [early, again, late] = [randomUUID(), randomUUID(), randomUUID()];
  leave(again, false);
  leave(early, false);
  now = 1000;
  leave(again, false);
  assert.deepEqual([await isKnown(early), await isKnown(again)], [true, true]);
  now = 1001;
  leave(late, false);
  assert.deepEqual([await isKnown(early), await isKnown(again), await isKnown(late)], [false, true, true]);
  leave(again, true);
  assert.equal(await isKnown(again), false, 'whoever leaves cleanly leaves nobody behind');
});
