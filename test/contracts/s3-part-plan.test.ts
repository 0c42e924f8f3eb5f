import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fencedPlan, partNumber, planParts } from '../../src/stores/s3/part-plan.ts';

const MIB = 2 ** 20;
/** S3's largest object. */
const LARGEST = 5 * 2 ** 40;

test('parts are of 8 MiB, and larger only where 10 000 of them would not do', () => {
  assert.equal(planParts(1).partBytes, 8 * MIB);
  assert.equal(planParts(500_000_000).partBytes, 8 * MIB);
  assert.equal(planParts(80_000 * MIB).partBytes, 8 * MIB);
  assert.equal(planParts(80_000 * MIB + 1).partBytes, 8 * MIB + 1);
  assert.equal(planParts(LARGEST).partBytes, Math.ceil(LARGEST / 10_000));
  assert.equal(planParts(null).partBytes, 8 * MIB);
});

test('no file needs a part beyond number 10 000', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: LARGEST }), (length) => {
      const plan = planParts(length);
      const last = Math.ceil(length / plan.partBytes) - 1;
      assert.ok(last < plan.mostParts);
      assert.ok(partNumber(plan, 0) === 1 && partNumber(plan, last) <= 10_000);
    }),
  );
});

test('a successor never uses a number that an older writer could use for the bytes behind it', () => {
  const takes = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80_000 * MIB }), takes, (length, shares) => {
      let plan = planParts(length);
      let index = 0;
      for (const share of shares) {
        const old = plan;
        index += Math.floor((old.mostParts - 1 - index) * share);
        const next = fencedPlan(old, index);
        if (!next) return;
        assert.ok(partNumber(next, index) > partNumber(old, old.mostParts - 1), 'beyond all of the old ones');
        if (index > 0) assert.ok(partNumber(next, index) > partNumber(old, index - 1), 'numbers rise');
        assert.ok(partNumber(next, next.mostParts - 1) <= 10_000);
        plan = next;
      }
    }),
  );
});

test('a file of the default size has numbers for many successions, one of half the limit for none', () => {
  let plan = planParts(524_288_000);
  let successions = 0;
  for (let next = fencedPlan(plan, 0); next; next = fencedPlan(plan, 0)) {
    plan = next;
    successions += 1;
  }
  assert.equal(successions, 157);
  assert.equal(fencedPlan(planParts(5_001 * 8 * MIB), 0), null);
});
