import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Results } from '../../bench/harness/results.ts';
import { chartsOf } from '../../bench/report/charts.ts';
import { judge } from '../../bench/report/judge.ts';
import { figure, measureTable, remarks, targetTable } from '../../bench/report/table.ts';
import type { Target } from '../../bench/targets.ts';

const RESULTS: Results = {
  at: '2026-01-01',
  quick: false,
  machine: {},
  versions: {},
  workloads: [
    {
      id: 'send',
      title: 'Send a file',
      measures: [
        {
          id: 'rate',
          title: 'send',
          unit: 'MB/s',
          samples: { sluice: [90, 100, 300], other: [100, 100, 200] },
        },
      ],
      absent: { third: 'it could not be built' },
      notes: ['the client is <fast>'],
      failure: null,
    },
  ],
};

function target(peer: string | null, at: Target['at'], value: number): Target {
  return { workload: 'send', measure: 'rate', peer, at, value };
}

test('a target is met by the median of the ratios of the rounds', () => {
  const verdicts = (...targets: Target[]) => judge(RESULTS, targets).map(({ verdict }) => verdict);
  assert.deepEqual(verdicts(target('other', 'least', 1), target('other', 'least', 1.1)), ['met', 'not met']);
  assert.deepEqual(verdicts(target('other', 'most', 1), target('other', 'most', 0.9)), ['met', 'not met']);
  assert.deepEqual(verdicts(target(null, 'least', 100), target(null, 'most', 99)), ['met', 'not met']);
});

test('a target whose peer is absent is told as such, never as met', () => {
  const [judgement] = judge(RESULTS, [target('third', 'least', 0.1)]);
  assert.equal(judgement?.verdict, 'absent');
  assert.match(targetTable(judge(RESULTS, [target('third', 'least', 0.1)])), /third absent .* absent \|$/);
});

test('the tables say what was measured, against what, and who was not there', () => {
  const row = targetTable(judge(RESULTS, [target('other', 'least', 1)]))
    .split('\n')
    .at(-1);
  assert.equal(row, '| send | 100 MB/s | other 100 | 1.00 (0.90 – 1.50) | ≥ 1 × other | met |');
  assert.match(measureTable(RESULTS), /\| send \| other \| 100 \| 100 – 200 \| MB\/s \|/);
  assert.match(remarks(RESULTS), /third is absent: it could not be built/);
});

test('figures have the digits that count', () => {
  assert.deepEqual([1234567, 999.6, 99.44, 1.234, Number.NaN].map(figure), [
    '1 234 567',
    '1 000',
    '99.4',
    '1.23',
    '–',
  ]);
});

test('a chart has a bar for each that was measured, and the text of others does not break it', () => {
  const [chart] = chartsOf(RESULTS);
  assert.equal(chart?.name, 'performance-send-rate');
  assert.equal(chart?.svg.match(/<rect /g)?.length, 2);
  const odd = { ...RESULTS, workloads: RESULTS.workloads.map((one) => ({ ...one, title: 'x' })) };
  const measure = odd.workloads[0]?.measures[0];
  assert.ok(measure);
  const named = { ...odd, workloads: [{ ...odd.workloads[0], measures: [{ ...measure, title: 'a<b' }] }] };
  assert.doesNotMatch(chartsOf(named as Results)[0]?.svg ?? '', /a<b/);
});
