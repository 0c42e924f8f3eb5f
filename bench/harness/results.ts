import type { Measure } from './contract.ts';

/** What a run leaves behind, as JSON in bench/results.json. */
export interface Results {
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly workloads: readonly WorkloadResult[];
}

export interface WorkloadResult {
  readonly id: string;
  readonly title: string;
  readonly measures: readonly MeasureResult[];
  /** Who was not measured, and why. */
  readonly absent: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  /** Why there are no results, or not all of them. */
  readonly failure: string | null;
}

export interface MeasureResult extends Measure {
  readonly id: string;
  /** By contender; one value for each round. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}
