import type { Rounds } from './contract.ts';

/** The middle of the values, or the mean of the two in the middle. NaN where there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/**
 * Ours ÷ theirs, one ratio for each round: both ran right after one another, so what else the machine did at the
 * time weighs on both. Rounds that one of the two did not finish are left out.
 */
export function ratiosOf(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.flatMap((value, round) => {
    const other = theirs[round];
    const ratio = other === undefined ? Number.NaN : value / other;
    return Number.isFinite(ratio) ? [ratio] : [];
  });
}

/** The same of two that were measured in turns; null where no round is left. */
export function compareRounds(rounds: Rounds, measure: string, ours: string, theirs: string): Spread | null {
  const valuesOf = (name: string) => (rounds.get(name) ?? []).map((sample) => sample[measure] ?? Number.NaN);
  const ratios = ratiosOf(valuesOf(ours), valuesOf(theirs));
  return ratios.length > 0 ? spreadOf(ratios) : null;
}
