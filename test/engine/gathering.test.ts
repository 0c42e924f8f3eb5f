import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGathering } from '../../src/engine/gathering.ts';
import { createHashing } from '../../src/engine/hashing.ts';
import { engineLimits } from '../../src/engine/limits.ts';
import { createThreadedDigests } from '../../src/engine/threaded-digests.ts';

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

test('what is hashed in place is gathered in small batches, what goes to the hashing thread in large ones', async () => {
  const threads = createThreadedDigests();
  const inPlace = createGathering(engineLimits(createHashing(null)));
  const handedOver = createGathering(engineLimits(createHashing(threads)));
  await threads.close();
  assert.ok(4 * inPlace.batchBytes <= handedOver.batchBytes);
  assert.ok(2 * inPlace.highWaterBytes <= 2 * MIB, 'one upload holds no more than a core keeps in its cache');
  assert.equal(
    createGathering(engineLimits(createHashing(null), { batchBytes: 1 << 16 })).batchBytes,
    1 << 16,
  );
});
