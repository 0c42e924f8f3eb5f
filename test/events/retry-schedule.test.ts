import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_ATTEMPTS, pauseAfter } from '../../src/events/retry-schedule.ts';

const HOUR_MS = 3_600_000;

function pauses(random: number): number[] {
  const all: number[] = [];
  for (let attempts = 1; ; attempts += 1) {
    const pause = pauseAfter(attempts, random);
    if (pause === null) return all;
    all.push(pause);
  }
}

test('an event is tried for a day and a little more, then it is dead', () => {
  const hours = pauses(0.5).reduce((sum, ms) => sum + ms, 0) / HOUR_MS;
  assert.ok(hours >= 24 && hours <= 27, `${hours} h`);
  assert.equal(pauses(0.5).length, MAX_ATTEMPTS - 1);
});

test('pauses grow, from seconds to hours, and never come at the same moment for all', () => {
  const [least, middle, most] = [pauses(0), pauses(0.5), pauses(1)];
  assert.equal(middle[0], 5_000);
  assert.equal(middle.at(-1), 3 * HOUR_MS);
  for (const [index, pause] of middle.entries()) {
    assert.ok(pause >= (middle[index - 1] ?? 0));
    assert.equal(least[index], pause * 0.8);
    assert.equal(most[index], pause * 1.2);
  }
});

test('a receiver that asks for patience gets it, within reason', () => {
  assert.equal(pauseAfter(1, 0.5, 60_000), 60_000);
  assert.equal(pauseAfter(8, 0.5, 60_000), 3 * HOUR_MS);
  assert.equal(pauseAfter(1, 0.5, 99 * HOUR_MS), 3 * HOUR_MS);
});
