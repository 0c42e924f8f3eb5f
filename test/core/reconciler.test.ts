import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import type { Leases } from '../../src/core/ports.ts';
import type { Reconcile, Reconciliation } from '../../src/core/reconcile.ts';
import { type ReconcilerOptions, startReconciler } from '../../src/reconciler.ts';

const FOUND = {
  ...{ accounts: 1, drifted: 1, driftBytes: 41, finished: 0, completed: 0 },
  ...{ reservedBytes: 0, activeSessions: 0, stuck: [] },
};
const SILENT: ReconcilerOptions['log'] = { info: () => {}, warn: () => {} };

/** Leases among those who ask for them here, without an end. */
function sharedLeases() {
  const holders = new Map<string, string>();
  return (instance: string): Leases => ({
    async hold(name) {
      if (!holders.has(name)) holders.set(name, instance);
      return holders.get(name) === instance;
    },
    async release(name) {
      if (holders.get(name) === instance) holders.delete(name);
    },
  });
}

function startFor(t: TestContext, leases: Leases, reconcile: Reconcile, log = SILENT) {
  const reconciler = startReconciler({ reconcile, leases, intervalMs: 20, log });
  t.after(() => reconciler.stop());
  return reconciler;
}

test('of two processes one reconciles, at its start and again; where it stops, the other takes over', async (t) => {
  const leases = sharedLeases();
  const passes = { one: 0, other: 0 };
  const [ofOne, ofOther] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const one = startFor(t, leases('one'), async () => {
    passes.one += 1;
    if (passes.one === 3) ofOne.resolve();
    return FOUND;
  });
  await ofOne.promise;
  startFor(t, leases('other'), async () => {
    passes.other += 1;
    ofOther.resolve();
    return FOUND;
  });
  assert.equal(passes.other, 0);
  await one.stop();
  const afterStop = passes.one;
  await ofOther.promise;
  assert.equal(passes.one, afterStop);
});

test('a pass that fails is told of once and tried again; what a pass found is told', async (t) => {
  const told: [object, string][] = [];
  let passes = 0;
  const done = Promise.withResolvers<void>();
  const note = (details: object, message: string) => {
    told.push([details, message]);
    if (told.length === 2) done.resolve();
  };
  startFor(
    t,
    sharedLeases()('one'),
    async () => {
      passes += 1;
      if (passes < 3) throw new SluiceError('LEDGER_UNAVAILABLE', 'away');
      return passes === 3 ? FOUND : { ...FOUND, drifted: 0, driftBytes: 0 };
    },
    { info: note, warn: note },
  );
  await done.promise;
  assert.equal(passes, 3);
  assert.match(told[0]?.[1] ?? '', /failed/);
  assert.partialDeepStrictEqual(told[1]?.[0], { drifted: 1, quota_drift_bytes: 41 });
});

test('uploads that cannot be completed are told of with each pass, a few by their names, and hurry no pass', async (t) => {
  const fault = new SluiceError('STORAGE_UNAVAILABLE', 'the scanner is away');
  const stuck = Array.from({ length: 12 }, (_, n) => ({ sessionId: `session ${n}`, fault }));
  const told: [object, string][] = [];
  const done = Promise.withResolvers<void>();
  const passed: Reconciliation[] = [];
  const reconciler = startReconciler({
    reconcile: async () => ({ ...FOUND, drifted: 0, driftBytes: 0, stuck }),
    leases: sharedLeases()('one'),
    intervalMs: 20,
    log: {
      info: () => {},
      warn(details, message) {
        told.push([details, message]);
        if (told.length === 2) done.resolve();
      },
    },
    onPass: (found) => passed.push(found),
  });
  t.after(() => reconciler.stop());
  await done.promise;
  for (const [details, message] of told.slice(0, 2)) {
    assert.partialDeepStrictEqual(details, { stuck: 12, err: fault });
    assert.equal(
      'session_ids' in details && Array.isArray(details.session_ids) && details.session_ids.length,
      10,
    );
    assert.match(message, /cannot be completed/);
  }
  assert.ok(passed.length >= 1, 'such a pass counts as any other');
});

test('stopping breaks a running pass off', async (t) => {
  const begun = Promise.withResolvers<void>();
  let aborted = false;
  const reconciler = startFor(t, sharedLeases()('one'), async (signal) => {
    begun.resolve();
    await new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => {
        aborted = true;
        resolve();
      });
    });
    return FOUND;
  });
  await begun.promise;
  await reconciler.stop();
  assert.ok(aborted);
});
