import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteByteLadder } from '../../bench/workloads/byte-ladder.ts';

test('each step of the ladder is told beside each peer that was measured', () => {
  const notes: string[] = [];
  const rounds = new Map([
    ['node:http', [sample(300, 1), sample(200, 2)]],
    ['sluice', [sample(50, 4), sample(100, 4)]],
    ['tusd', [sample(100, 2), sample(100, 2)]],
  ]);
  noteByteLadder({ note: (said) => void notes.push(said) }, rounds, ['tusd', 'nginx']);
  assert.deepEqual(notes, [
    'node:http beside tusd: rate 2.50 (2.00 – 3.00), CPU 0.75 (0.50 – 1.00).',
    'sluice beside tusd: rate 0.75 (0.50 – 1.00), CPU 2.00 (2.00 – 2.00).',
  ]);
});

function sample(rate: number, cpu: number) {
  return { rate, cpu };
}
