import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { assertCompleted, assertQuota, reconcilerOf } from '../engine/running.ts';
import { type ServiceOptions, startService } from '../engine/service.ts';
import { concat, FILE, head, idIn, PIECES, partialsOf, post } from './concatenating.ts';

const AWAY = new SluiceError('REDIS_CONNECTION_ERROR', 'it is away');

test('pieces that are being joined are joined into nothing else: their bytes are stored twice at most', async (t) => {
  const [joined, others] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const service = await startService(t, {
    wrapSessions: (store) => ({
      ...store,
      async merge(...args) {
        joined.resolve();
        await others.promise;
        return store.merge(...args);
      },
    }),
  });
  const [a = '', b = '', c = ''] = await partialsOf(service);
  const first = post(service, concat([a, b, c]));
  await joined.promise;
  for (const order of [[a, c, b], [b, a, c], [a, b], [c]]) {
    assert.equal((await post(service, concat(order))).status, 409);
  }
  assert.equal((await service.partialFiles()).length, PIECES.length + 1);
  others.resolve();
  const answer = await first;
  assert.equal(answer.status, 201);
  await assertCompleted(service, await service.find(idIn(answer.headers.location)), FILE);
  assert.equal((await post(service, concat([a, c, b]))).status, 410);
});

test('what was joined in vain, since a piece was cancelled meanwhile, is deleted at once', async (t) => {
  let cancelled = '';
  const service = await startService(t, {
    wrapSessions: (store) => ({
      ...store,
      async merge(...args) {
        await store.end(cancelled, { status: 'cancelled', failure: null });
        return store.merge(...args);
      },
    }),
  });
  const urls = await partialsOf(service);
  cancelled = idIn(urls[1]).sessionId;
  assert.equal((await post(service, concat(urls))).status, 410);
  const left = await service.partialFiles();
  assert.deepEqual(
    left.filter((name) => !urls.some((url) => name.startsWith(idIn(url).sessionId))),
    [],
  );
});

/** A service in which a step of the first try fails, before or after it is done. */
function failing(step: 'merge before' | 'merge after' | 'settle before' | 'settle after'): ServiceOptions {
  let tries = 0;
  const once = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    if (!step.startsWith(name) || tries > 0) return work();
    tries += 1;
    if (step.endsWith('after')) await work();
    throw AWAY;
  };
  return {
    wrapSessions: (store) => ({ ...store, merge: (...args) => once('merge', () => store.merge(...args)) }),
    wrapLedger: (ledger) => ({ ...ledger, settle: (entry) => once('settle', () => ledger.settle(entry)) }),
  };
}

for (const step of ['merge before', 'merge after', 'settle before', 'settle after'] as const) {
  test(`cut off at "${step}" it is finished by the next try, and counted once`, async (t) => {
    const service = await startService(t, { ...failing(step), quota: FILE.length });
    const urls = await partialsOf(service);
    assert.equal((await post(service, concat(urls))).status, 503);
    await assertQuota(service, { used: 0, reserved: FILE.length });
    const answer = await post(service, concat(urls));
    assert.equal(answer.status, 201);
    await service.uploads.sweep();
    await assertCompleted(service, await service.find(idIn(answer.headers.location)), FILE);
  });

  test(`cut off at "${step}" for good it is completed where it was joined, and leaves nothing behind`, async (t) => {
    let passed = 0;
    const clock = { now: () => Date.now() + passed };
    const service = await startService(t, { ...failing(step), clock });
    const urls = await partialsOf(service);
    assert.equal((await post(service, concat(urls))).status, 503);
    passed = 2 * 3_600_000;
    while ((await service.uploads.sweep()) > 0);
    const reconcile = reconcilerOf(service);
    for (let look = 0; look < 2; look += 1) await reconcile();
    const isCounted = step !== 'merge before';
    await assertQuota(service, { used: isCounted ? FILE.length : 0, reserved: 0 });
    assert.deepEqual(await service.partialFiles(), []);
    assert.equal((await service.finishedFiles()).length, isCounted ? 1 : 0);
    assert.equal((await service.uploads.quota(service.userId)).activeSessions, 0);
  });
}

test('HEAD of a final upload that is not complete yet tells no offset', async (t) => {
  const service = await startService(t, failing('merge before'));
  const urls = await partialsOf(service);
  assert.equal((await post(service, concat(urls))).status, 503);
  const page = await service.uploads.sessions(service.userId, { limit: 10, after: null });
  const final = page.sessions.find(({ uploadConcat }) => uploadConcat !== 'partial');
  assert.ok(final);
  const { status, headers } = await head(service, service.target(final));
  assert.equal(status, 200);
  assert.equal(headers['upload-offset'], undefined);
  assert.equal(headers['upload-length'], String(FILE.length));
});

test('partial uploads whose time is over are not joined', async (t) => {
  let passed = 0;
  const service = await startService(t, { clock: { now: () => Date.now() + passed } });
  const urls = await partialsOf(service);
  passed = 2 * 3_600_000;
  assert.equal((await post(service, concat(urls))).status, 410);
  while ((await service.uploads.sweep()) > 0);
  assert.deepEqual(await service.partialFiles(), []);
  await assertQuota(service, { used: 0, reserved: 0 });
});
