/** What has to hold, by workload and measure. */
export interface Target {
  readonly workload: string;
  readonly measure: string;
  /** Compare to that one: `value` is a ratio, ours ÷ theirs. Null: `value` is in the unit of the measure. */
  readonly peer: string | null;
  readonly at: 'least' | 'most';
  readonly value: number;
}

const ratio = (workload: string, measure: string, peer: string, at: Target['at'], value: number): Target => ({
  ...{ workload, measure, peer, at, value },
});
const figure = (workload: string, measure: string, at: Target['at'], value: number): Target => ({
  ...{ workload, measure, peer: null, at, value },
});

export const TARGETS: readonly Target[] = [
  ratio('initiate', 'rate', 'bare', 'least', 0.85),
  ratio('initiate', 'rate', 'fastapi', 'least', 7),
  figure('initiate', 'p99', 'most', 10),
  ratio('validate', 'rate', 'bare', 'least', 0.85),
  ratio('validate', 'rate', 'fastapi', 'least', 7),
];
