import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, OURS, type Running, type Sample, type Workload } from './contract.ts';
import type { WorkloadResult } from './results.ts';

export interface BenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  /** Told what happens. */
  readonly log: (line: string) => void;
  /** Peers that could not be prepared, and why. */
  readonly missing: ReadonlyMap<string, string>;
}

/** Run a workload. What goes wrong stands in its result: the others are measured all the same. */
export async function runWorkload(workload: Workload, options: BenchOptions): Promise<WorkloadResult> {
  const { quick, rounds, seconds, log, missing } = options;
  const values = new Map<string, Map<string, number[]>>();
  const absent: Record<string, string> = {};
  const notes: string[] = [];
  const stops: (() => Promise<unknown>)[] = [];

  function record(name: string, sample: Sample): void {
    for (const [measure, value] of Object.entries(sample)) {
      if (!workload.measures[measure]) throw new Error(`${workload.id} does not declare ${measure}`);
      const byName = values.get(measure) ?? new Map<string, number[]>();
      byName.set(name, [...(byName.get(name) ?? []), value]);
      values.set(measure, byName);
    }
  }

  const bench: Bench = {
    ...{ quick, rounds, seconds, record },
    sized: (full, small) => (quick ? small : full),
    note: (sentence) => void notes.push(sentence),

    keep(resource) {
      stops.unshift(() => resource.stop());
      return resource;
    },

    async folder() {
      const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
      stops.unshift(() => rm(folder, { recursive: true, force: true }));
      return folder;
    },

    async start(starts) {
      const running = new Map<string, Running>();
      for (const [name, start] of Object.entries(starts)) {
        const why = missing.get(name);
        try {
          if (why !== undefined) throw new Error(why);
          running.set(name, bench.keep(await start()));
        } catch (fault) {
          if (name === OURS) throw fault;
          absent[name] = sentenceOf(fault);
          log(`    ${name} is absent: ${absent[name]}`);
        }
      }
      return running;
    },

    async alternate(running, measure) {
      const taking = new Map(running);
      const rounds = new Map<string, Sample[]>();
      for (let round = quick ? 1 : 0; round <= options.rounds; round += 1) {
        for (const [name, one] of [...taking]) {
          try {
            const sample = await measure(one, name);
            if (round > 0) {
              record(name, sample);
              rounds.set(name, [...(rounds.get(name) ?? []), sample]);
            }
            log(`    ${round === 0 ? 'warm-up' : `round ${round}`} ${name}: ${shown(sample)}`);
          } catch (fault) {
            // A quick run looks after the harness, and a peer that was there and cannot be measured is its fault.
            if (name === OURS || quick) throw fault;
            taking.delete(name);
            absent[name] = `it failed while it was measured: ${sentenceOf(fault)}`;
            log(`    ${name}: ${absent[name]}`);
          }
        }
      }
      return rounds;
    },
  };

  let failure: string | null = null;
  try {
    await workload.run(bench);
  } catch (fault) {
    failure = sentenceOf(fault);
    log(`    failed: ${fault instanceof Error ? fault.stack : fault}`);
  } finally {
    for (const stop of stops) await stop().catch((fault: unknown) => log(`    ${sentenceOf(fault)}`));
  }

  const measures = Object.entries(workload.measures).map(([id, measure]) => ({
    id,
    ...measure,
    samples: Object.fromEntries(values.get(id) ?? []),
  }));
  return { id: workload.id, title: workload.title, measures, absent, notes, failure };
}

function sentenceOf(fault: unknown): string {
  const said = fault instanceof Error ? fault.message : String(fault);
  return said.split('\n')[0] ?? said;
}

function shown(sample: Sample): string {
  return Object.entries(sample)
    .map(([id, value]) => `${id} ${value.toPrecision(4)}`)
    .join(', ');
}
