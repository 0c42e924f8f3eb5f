/**
 * npm run bench: the service beside its peers on this machine, into bench/results.json and docs/performance.md.
 *
 * Arguments: `--only=initiate,stream` measures these workloads and leaves the others' results as they are;
 * `--rounds=5`; `--seconds=5` for each load; `--quick` looks whether the harness works, in two minutes: it
 * installs no peers, writes no document, and fails where a workload of ours gives no figures.
 */
import { parseArgs } from 'node:util';
import { runWorkload } from './harness/bench.ts';
import { OURS } from './harness/contract.ts';
import type { Results, WorkloadResult } from './harness/results.ts';
import { type Kept, keepResults } from './report/document.ts';
import { judge } from './report/judge.ts';
import { describeMachine, describeVersions } from './report/machine.ts';
import { remarks, targetTable } from './report/table.ts';
import { TARGETS } from './targets.ts';
import { workloads } from './workloads/all.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const { quick } = options;
  const chosen = workloads.filter(({ id }) => !options.only || options.only.split(',').includes(id));
  if (chosen.length === 0) {
    console.error(`There is no such workload; there are ${workloads.map(({ id }) => id).join(', ')}.`);
    return 2;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const machine = describeMachine();
  const { versions, missing } = await preparePeers(quick);

  const measured: WorkloadResult[] = [];
  for (const workload of chosen) {
    log(`\n${workload.title}`);
    const began = performance.now();
    const rounds = Number(options.rounds ?? (quick ? 1 : 5));
    const seconds = Number(options.seconds ?? (quick ? 1 : 3));
    measured.push(await runWorkload(workload, { ...{ quick, rounds, seconds, log, missing } }));
    log(`    ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  const kept: Kept = { machine, versions: { ...describeVersions(), ...versions }, measured };
  const results: Results = await keepResults(kept, { quick, order: workloads.map(({ id }) => id) });
  log(`\n${targetTable(judge({ ...results, workloads: measured }, TARGETS))}`);
  log(`\n${remarks({ ...results, workloads: measured })}`);

  const broken = measured.filter(({ failure, measures }) => {
    const nothing = measures.some(({ samples }) => (samples[OURS] ?? []).length === 0);
    return failure !== null || nothing;
  });
  for (const { title } of broken) console.error(`Not measured, or not all of it: ${title}`);
  return broken.length > 0 ? 1 : 0;

  async function preparePeers(quickly: boolean) {
    const peers = new Set(chosen.flatMap((workload) => workload.peers));
    const found: Record<string, string> = {};
    const lacking = new Map<string, string>();
    for (const peer of peers) {
      try {
        found[peer.name] = await peer.prepare({ install: !quickly });
        log(`${peer.name}: ${found[peer.name]}`);
      } catch (fault) {
        const why = fault instanceof Error ? fault.message : String(fault);
        lacking.set(peer.name, why);
        log(`${peer.name} is absent: ${why}`);
      }
    }
    return { versions: found, missing: lacking };
  }
}

function log(line: string): void {
  process.stdout.write(`${line}\n`);
}
