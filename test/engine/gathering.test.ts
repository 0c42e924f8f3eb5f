import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGathering } from '../../src/engine/gathering.ts';

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
    if (running <= 24) assert.equal(highWaterBytes, 2 * MIB);
    else if (running <= 384) assert.ok(2 * highWaterBytes * running <= LIMITS.gatheringBudgetBytes);
  }
  for (let running = 0; running < 1000; running += 1) gathering.leave();
  assert.equal(gathering.batchBytes, MIB);
});
