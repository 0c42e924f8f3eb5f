import { type Bench, OURS, type Sample } from '../harness/contract.ts';
import { ratiosOf, spreadOf } from '../harness/statistics.ts';
import { BYTE_STEPS, type ByteStep } from '../peers/bytes.ts';
import { figure } from '../report/table.ts';
import { TUSD_FORCED } from './byte-servers.ts';

/** The steps from nothing but `node:http` to the service, measured beside those the service is compared to. */
export const BYTE_LADDER = Object.keys(BYTE_STEPS) as ByteStep[];

/** Ours with `UPLOAD_FSYNC=never`: what forcing a file to the disk takes is what lies between it and the last step. */
const NOT_FORCED = 'sluice, not forced';

/**
 * Collects what is measured, and tells of each step what share of a peer's rate it reaches, and how much of the
 * processor it takes beside it: where a step that does less than the service misses a target, no service on
 * `node:http` can meet it on this machine.
 */
export function createByteLadder(bench: Pick<Bench, 'quick' | 'note'>, peers: readonly string[]) {
  const samples = new Map<string, Sample[]>();

  /** Without the one that does not count. */
  function roundsOf(name: string): readonly Sample[] {
    return (samples.get(name) ?? []).slice(bench.quick ? 0 : 1);
  }

  function ratios(step: string, peer: string, measure: string): string | null {
    const [ours, theirs] = [step, peer].map((name) =>
      roundsOf(name).map((sample) => sample[measure] ?? Number.NaN),
    );
    const found = ratiosOf(ours ?? [], theirs ?? []);
    if (found.length === 0) return null;
    const { median, least, most } = spreadOf(found);
    return `${figure(median)} (${figure(least)} – ${figure(most)})`;
  }

  return {
    keep(name: string, sample: Sample): Sample {
      samples.set(name, [...(samples.get(name) ?? []), sample]);
      return sample;
    },

    note(): void {
      for (const step of [...BYTE_LADDER, NOT_FORCED, OURS]) {
        // Of ours it is told, too, how it compares to a peer that promises as much.
        const compared = step === OURS ? [...peers, TUSD_FORCED] : peers;
        const beside = compared.flatMap((peer) => {
          const [rate, cpu] = [ratios(step, peer, 'rate'), ratios(step, peer, 'cpu')];
          return rate && cpu ? [`${peer}: rate ${rate}, CPU ${cpu}`] : [];
        });
        if (beside.length > 0) bench.note(`${step} beside ${beside.join('; ')}.`);
      }
    },
  };
}
