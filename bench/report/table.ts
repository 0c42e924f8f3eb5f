import type { Results } from '../harness/results.ts';
import { type Spread, spreadOf } from '../harness/statistics.ts';
import type { Judgement } from './judge.ts';

/** A number as people read it: three digits that count, thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 999.5) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  if (Math.abs(value) >= 99.95) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 9.995 ? 1 : 2);
}

/** The targets as a Markdown table. */
export function targetTable(judgements: readonly Judgement[]): string {
  const head = '| what | sluice | beside | ratio (least – most) | target | |\n|---|---|---|---|---|---|';
  const rows = judgements.map(({ target, title, unit, ours, theirs, result, verdict }) => {
    const sign = target.at === 'least' ? '≥' : '≤';
    const compared = target.peer !== null;
    const beside = compared ? `${target.peer} ${theirs === null ? 'absent' : figure(theirs)}` : '';
    const wanted = compared
      ? `${sign} ${target.value} × ${target.peer}`
      : `${sign} ${figure(target.value)} ${unit}`;
    const cells = [
      title,
      ours === null ? '–' : `${figure(ours)} ${unit}`,
      beside,
      range(result),
      wanted,
      verdict,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [head, ...rows].join('\n');
}

/** Everything that was measured, medians with least and most. */
export function measureTable({ workloads }: Results): string {
  const head = '| what | who | median | least – most | unit |\n|---|---|---|---|---|';
  const rows = workloads.flatMap(({ measures }) =>
    measures.flatMap(({ title, unit, samples }) =>
      Object.entries(samples).map(([name, values]) => {
        const spread = spreadOf(values);
        return `| ${title} | ${name} | ${figure(spread.median)} | ${figure(spread.least)} – ${figure(spread.most)} | ${unit} |`;
      }),
    ),
  );
  return [head, ...rows].join('\n');
}

/** Who was absent, what failed, and what there is to say. */
export function remarks({ workloads }: Results): string {
  const lines = workloads.flatMap(({ title, absent, notes, failure }) => [
    ...(failure === null ? [] : [`- ${title}: failed: ${failure}`]),
    ...Object.entries(absent).map(([name, why]) => `- ${title}: ${name} is absent: ${why}`),
    ...notes.map((note) => `- ${title}: ${note}`),
  ]);
  return lines.join('\n');
}

/** A median with the least and the most. */
export function range(result: Spread | null): string {
  if (!result) return '–';
  return `${figure(result.median)} (${figure(result.least)} – ${figure(result.most)})`;
}
