import { appendFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

/** One row of the table of `npm run test:faults`. */
export interface FaultRow {
  readonly fault: string;
  /** Letters of the invariants it is judged by. */
  readonly checked: string;
  readonly figures: Readonly<Record<string, number | string>>;
  /** What was not kept, in one line; null where all was. */
  readonly broken: string | null;
}

/** Where figures are noted as they become known, so that a row that breaks shows those it got to. */
export type Figures = Record<string, number | string>;

/** More loops, longer outages, more load: `SLUICE_FAULTS=long`. */
export const LONG = process.env.SLUICE_FAULTS === 'long';

/** The same seed does the same: `SLUICE_SEED`, as it was printed. */
export const SEED = Number(process.env.SLUICE_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Do the fault and judge it; the row goes into the table whether it holds or not. */
export async function faultRow(
  t: TestContext,
  row: Pick<FaultRow, 'fault' | 'checked'>,
  prove: (figures: Figures) => Promise<void>,
): Promise<void> {
  t.diagnostic(`SLUICE_SEED=${SEED}`);
  const figures: Figures = {};
  let broken: string | null = null;
  try {
    await prove(figures);
  } catch (error) {
    broken = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
    throw error;
  } finally {
    t.diagnostic(JSON.stringify(figures));
    const file = process.env.SLUICE_FAULTS_TABLE;
    if (file) appendFileSync(file, `${JSON.stringify({ ...row, figures, broken } satisfies FaultRow)}\n`);
  }
}

/** Seconds since `startedAt` of `performance.now()`, to two places. */
export function secondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 10) / 100;
}
