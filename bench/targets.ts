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
  ratio('live-sessions', 'rate', 'sluice with none', 'least', 0.9),
  figure('live-sessions', 'bytes', 'most', 700),
  figure('sweep', 'swept', 'least', 20_000),
  ratio('sweep', 'rate', 'sluice without a sweep', 'least', 0.8),
  ratio('stream', 'rate', 'tusd', 'least', 1),
  ratio('stream', 'rate', '@tus/server', 'least', 2.5),
  ratio('stream', 'rate', 'nginx', 'least', 0.5),
  ratio('stream', 'cpu', 'tusd', 'most', 1),
  ratio('streams', 'rate', 'tusd', 'least', 1),
  ratio('streams', 'rate', '@tus/server', 'least', 2.5),
  ratio('chunks', 'rate', 'tusd', 'least', 1),
  ratio('chunks', 'rate', '@tus/server', 'least', 2.5),
  ratio('small-files', 'uploads', 'tusd', 'least', 1),
  figure('memory', 'larger', 'most', 200),
  figure('memory', 'growth', 'most', 1.15),
  ratio('s3', 'rate', 'tusd', 'least', 1),
  figure('embedded', 'rate', 'least', 5000),
  figure('embedded', 'start', 'most', 1000),
];
