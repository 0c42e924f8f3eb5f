import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWorkload } from '../../bench/harness/bench.ts';
import type { Rounds, Running } from '../../bench/harness/contract.ts';

const SERVER: Running = { url: 'http://127.0.0.1:1', pid: 1, stop: async () => {} };

/** Two that are measured in turns, each at ten times the number of the turn; gives what counts, and the result. */
async function measured(options: { quick: boolean; rounds: number; failsAt?: number }) {
  let turn = 0;
  let rounds: Rounds = new Map();
  const result = await runWorkload(
    {
      ...{ id: 'one', title: 'One', peers: [], measures: { rate: { title: 'rate', unit: '1/s' } } },
      async run(bench) {
        const both = new Map([
          ['sluice', SERVER],
          ['other', SERVER],
        ]);
        rounds = await bench.alternate(both, async () => {
          turn += 1;
          if (turn === options.failsAt) throw new Error('it fell over');
          return { rate: turn * 10 };
        });
      },
    },
    { ...options, seconds: 1, log: () => {}, missing: new Map() },
  );
  return { result, rounds: Object.fromEntries(rounds) };
}

const of = (...rates: number[]) => rates.map((rate) => ({ rate }));

test('the first round does not count: neither in the result nor in what a workload tells of its rounds', async () => {
  const { result, rounds } = await measured({ quick: false, rounds: 2 });
  assert.deepEqual(result.measures[0]?.samples, { sluice: [30, 50], other: [40, 60] });
  assert.deepEqual(rounds, { sluice: of(30, 50), other: of(40, 60) });
});

test('in a quick run the only round counts', async () => {
  const { result, rounds } = await measured({ quick: true, rounds: 1 });
  assert.deepEqual(result.measures[0]?.samples, { sluice: [10], other: [20] });
  assert.deepEqual(rounds, { sluice: of(10), other: of(20) });
});

test('a peer that fails is absent from then on, with its reason', async () => {
  const { result, rounds } = await measured({ quick: false, rounds: 2, failsAt: 4 });
  assert.deepEqual(result.absent, { other: 'it failed while it was measured: it fell over' });
  assert.deepEqual(rounds, { sluice: of(30, 50) });
});
