import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatherCalls } from '../../src/core/gather.ts';

test('what is asked for in one turn is one call, in order; the next turn has its own', async () => {
  const calls: number[][] = [];
  const ask = gatherCalls<number>(100, async (items) => void calls.push([...items]));
  await Promise.all([ask(1), ask(2), ask(3)]);
  await ask(4);
  assert.deepEqual(calls, [[1, 2, 3], [4]]);
});

test('no call has more than the most that was allowed, and none is lost', async () => {
  const calls: number[][] = [];
  const ask = gatherCalls<number>(2, async (items) => void calls.push([...items]));
  await Promise.all([1, 2, 3, 4, 5].map(ask));
  assert.deepEqual(calls, [[1, 2], [3, 4], [5]]);
});

test('who asked together is told together that it failed; others are not', async () => {
  const ask = gatherCalls<number>(2, async (items) => {
    if (items.includes(2)) throw new Error('away');
  });
  const outcomes = await Promise.allSettled([1, 2, 3].map(ask));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  );
});
