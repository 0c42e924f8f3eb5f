import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGathering } from '../../src/engine/gathering.ts';
import { engineLimits } from '../../src/engine/limits.ts';

const MIB = 1 << 20;
const LIMITS = { batchBytes: MIB, highWaterBytes: 2 * MIB, gatheringBudgetBytes: 96 * MIB };

test('few uploads gather large batches, many share the budget, none less than is worth a write', () => {
  const gathering = createGathering(LIMITS);
  assert.deepEqual([gathering.batchBytes, gathering.highWaterBytes], [MIB, 2 * MIB]);
  for (let running = 1; running <= 1000; running += 1) {
    gathering.enter();
    const { batchBytes, highWaterBytes } = gathering;
    assert.ok(batchBytes <= highWaterBytes / 2, 'a batch is ready before the socket is paused');
    assert.ok(batchBytes >= 64 << 10);
    if (running <= 16) assert.equal(highWaterBytes, 2 * MIB);
    else if (running <= 256) assert.ok(3 * highWaterBytes * running <= LIMITS.gatheringBudgetBytes);
  }
  for (let running = 0; running < 1000; running += 1) gathering.leave();
  assert.equal(gathering.batchBytes, MIB);
});

test('what ships: one upload holds no more than a core keeps in its cache, many no more than the budget', () => {
  const { batchBytes, highWaterBytes, gatheringBudgetBytes } = engineLimits();
  assert.ok(2 * highWaterBytes <= 2 * MIB);
  assert.ok(batchBytes <= highWaterBytes / 2);
  assert.ok(gatheringBudgetBytes <= 20 * MIB);
  assert.equal(createGathering(engineLimits({ batchBytes: 1 << 16 })).batchBytes, 1 << 16);
});
