import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createByteLadder } from '../../bench/workloads/byte-ladder.ts';

function notesOf(ladder: { quick: boolean; peers: string[]; samples: Record<string, [number, number][]> }) {
  const notes: string[] = [];
  const steps = createByteLadder(
    { quick: ladder.quick, note: (said) => void notes.push(said) },
    ladder.peers,
  );
  for (const [name, samples] of Object.entries(ladder.samples)) {
    for (const [rate, cpu] of samples) steps.keep(name, { rate, cpu });
  }
  steps.note();
  return notes;
}

const SAMPLES = {
  'node:http': [
    [1, 9],
    [300, 1],
    [200, 2],
  ],
  sluice: [
    [1, 9],
    [50, 4],
    [100, 4],
  ],
  tusd: [
    [1000, 1],
    [100, 2],
    [100, 2],
  ],
} satisfies Record<string, [number, number][]>;

test('each step of the ladder is told beside each peer, without the round that does not count', () => {
  assert.deepEqual(notesOf({ quick: false, peers: ['tusd', 'nginx'], samples: SAMPLES }), [
    'node:http beside tusd: rate 2.50 (2.00 – 3.00), CPU 0.75 (0.50 – 1.00).',
    'sluice beside tusd: rate 0.75 (0.50 – 1.00), CPU 2.00 (2.00 – 2.00).',
  ]);
});

test('in a quick run the only round counts', () => {
  const samples: Record<string, [number, number][]> = { sluice: [[50, 1]], nginx: [[100, 1]] };
  assert.deepEqual(notesOf({ quick: true, peers: ['nginx'], samples }), [
    'sluice beside nginx: rate 0.50 (0.50 – 0.50), CPU 1.00 (1.00 – 1.00).',
  ]);
});
