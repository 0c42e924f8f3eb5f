import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, ratiosOf, spreadOf } from '../../bench/harness/statistics.ts';

test('the median is the value in the middle, or the mean of the two there', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 10]), 3);
  assert.ok(Number.isNaN(median([])));
});

test('a spread reaches from the least to the most', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
});

test('ratios are taken within each round, so that what slows one round slows both', () => {
  assert.deepEqual(ratiosOf([100, 10, 40], [50, 5, 20]), [2, 2, 2]);
  assert.deepEqual(ratiosOf([100, 10], [50]), [2], 'a round that the peer did not finish is left out');
});
