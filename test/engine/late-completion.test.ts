import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { exchange } from '../protocols/raw-http.ts';
import { assertCompleted, assertQuota, reconcilerOf } from './running.ts';
import { fakeMp4, startService } from './service.ts';

const FILE = fakeMp4(300_000);
const HOUR_MS = 3_600_000;

test('an upload whose time is over while it is being completed completes, whoever sweeps', async (t) => {
  let ahead = 0;
  const [asked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const service = await startService(t, {
    clock: { now: () => Date.now() + ahead },
    limits: { sessionTtlMs: HOUR_MS, maxLifetimeMs: HOUR_MS },
    wrapBlobs: (blobs) => ({
      ...blobs,
      async finalize(ref, storageKey) {
        asked.resolve();
        await goOn.promise;
        await blobs.finalize(ref, storageKey);
      },
    }),
  });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  const answer = exchange(service.port, 'PUT', service.target(session), {}, FILE);
  await asked.promise;
  ahead = HOUR_MS;
  assert.equal(await service.uploads.sweep(), 0);
  goOn.resolve();
  assert.equal((await answer).status, 201);
  await assertCompleted(service, session, FILE);
});

test('uploads that a ledger kept waiting for longer than their time are completed when it is back', async (t) => {
  let ahead = 0;
  let away = true;
  const inTime = <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (away) throw new SluiceError('LEDGER_UNAVAILABLE', 'Try again in a moment.');
      return operation(...args);
    };
  };
  const service = await startService(t, {
    clock: { now: () => Date.now() + ahead },
    wrapLedger: (ledger) => ({
      ...ledger,
      settle: inTime(ledger.settle),
      voidSession: inTime(ledger.voidSession),
      decision: inTime(ledger.decision),
    }),
  });
  const reconcile = reconcilerOf(service);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await exchange(service.port, 'PUT', service.target(session), {}, FILE)).status, 503);
  ahead = 2 * HOUR_MS;
  assert.equal(await service.uploads.sweep(), 0);
  await assert.rejects(reconcile(), { code: 'LEDGER_UNAVAILABLE' });
  away = false;
  assert.equal(await service.uploads.sweep(), 0);
  await reconcile();
  assert.partialDeepStrictEqual(await reconcile(), { completed: 1, stuck: [] });
  await assertCompleted(service, session, FILE);
});

test('an upload whose bytes are gone is given up when its time is over: 410, and its reservation is free', async (t) => {
  let away = true;
  let ahead = 0;
  const service = await startService(t, {
    clock: { now: () => Date.now() + ahead },
    wrapBlobs: (blobs) => ({
      ...blobs,
      async finalize(ref, storageKey) {
        if (away) throw new SluiceError('STORAGE_UNAVAILABLE', 'Try again in a moment.');
        await blobs.finalize(ref, storageKey);
      },
    }),
  });
  const send = () => exchange(service.port, 'PUT', service.target(session), {}, FILE);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  assert.equal((await send()).status, 503);
  const [partial = ''] = await service.partialFiles();
  await truncate(join(service.tempFolder, partial), 150_000);
  away = false;
  const reconcile = reconcilerOf(service, () => Date.now() + ahead);
  await reconcile();
  assert.partialDeepStrictEqual(await reconcile(), { stuck: [{ sessionId: session.sessionId }] });
  assert.equal((await service.find(session)).status, 'active');
  ahead = HOUR_MS;
  await reconcile();
  assert.equal((await send()).status, 410);
  assert.deepEqual(await service.partialFiles(), []);
  await assertQuota(service, { used: 0, reserved: 0 });
});
