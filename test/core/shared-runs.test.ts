import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareRuns } from '../../src/core/shared-runs.ts';

/** Runs that end when they are told to. */
function runsToEnd() {
  const begun: PromiseWithResolvers<void>[] = [];
  const run = () => {
    const one = Promise.withResolvers<void>();
    begun.push(one);
    return one.promise;
  };
  return { begun, forced: shareRuns(run) };
}

test('whoever comes after a run has begun waits for the next one, which serves all who wait', async () => {
  const { begun, forced } = runsToEnd();
  const first = forced();
  let served = 0;
  const later = [forced(), forced(), forced()].map((one) => one.then(() => (served += 1)));
  assert.equal(begun.length, 1, 'one run at a time');

  begun[0]?.resolve();
  await first;
  // What was waiting begins in turns of the event loop that nothing else fills.
  while (begun.length < 2) await new Promise(setImmediate);
  assert.equal(served, 0, 'the run that had begun before does not count for them');
  begun[1]?.resolve();
  await Promise.all(later);
  assert.equal(begun.length, 2);
});

test('a run that fails, fails for those who share it and for nobody after them', async () => {
  const { begun, forced } = runsToEnd();
  const first = forced();
  const second = forced();
  begun[0]?.reject(new Error('the disk is gone'));
  await assert.rejects(first, /the disk is gone/);
  while (begun.length < 2) await new Promise(setImmediate);
  begun[1]?.resolve();
  await second;
});
