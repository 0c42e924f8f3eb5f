import { OURS } from '../harness/contract.ts';
import type { Results } from '../harness/results.ts';
import { ratiosOf, type Spread, spreadOf } from '../harness/statistics.ts';
import type { Target } from '../targets.ts';

export interface Judgement {
  readonly target: Target;
  readonly title: string;
  readonly unit: string;
  /** Medians; null where there is nothing. */
  readonly ours: number | null;
  readonly theirs: number | null;
  /** The ratio, or the figure itself, over the rounds; null where there is nothing to compare. */
  readonly result: Spread | null;
  readonly verdict: 'met' | 'not met' | 'absent';
}

/** Each target beside what was measured. */
export function judge({ workloads }: Results, targets: readonly Target[]): Judgement[] {
  return targets.flatMap((target) => {
    const workload = workloads.find(({ id }) => id === target.workload);
    const measure = workload?.measures.find(({ id }) => id === target.measure);
    if (!measure) return [];
    const ours = measure.samples[OURS] ?? [];
    const theirs = target.peer === null ? [] : (measure.samples[target.peer] ?? []);
    const values = target.peer === null ? ours : ratiosOf(ours, theirs);
    const result = values.length > 0 ? spreadOf(values) : null;
    return [
      {
        target,
        title: measure.title,
        unit: measure.unit,
        ours: ours.length > 0 ? spreadOf(ours).median : null,
        theirs: theirs.length > 0 ? spreadOf(theirs).median : null,
        result,
        verdict: verdictOf(target, result),
      },
    ];
  });
}

function verdictOf({ at, value }: Target, result: Spread | null): Judgement['verdict'] {
  if (!result) return 'absent';
  const holds = at === 'least' ? result.median >= value : result.median <= value;
  return holds ? 'met' : 'not met';
}
