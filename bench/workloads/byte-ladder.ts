import { type Bench, OURS, type Rounds } from '../harness/contract.ts';
import { compareRounds } from '../harness/statistics.ts';
import { BYTE_STEPS, type ByteStep } from '../peers/bytes.ts';
import { range } from '../report/table.ts';
import { TUSD_FORCED } from './byte-servers.ts';

/** The steps from nothing but `node:http` to the service, measured beside those the service is compared to. */
export const BYTE_LADDER = Object.keys(BYTE_STEPS) as ByteStep[];

/** Ours with `UPLOAD_FSYNC=never`: what forcing a file to the disk takes is what lies between it and the last step. */
const NOT_FORCED = 'sluice, not forced';

/**
 * Tells of each step what share of a peer's rate it reaches, and how much of the processor it takes beside it: where
 * a step that does less than the service misses a target, no service on `node:http` can meet it on this machine.
 */
export function noteByteLadder(bench: Pick<Bench, 'note'>, rounds: Rounds, peers: readonly string[]): void {
  for (const step of [...BYTE_LADDER, NOT_FORCED, OURS]) {
    // Of ours it is told, too, how it compares to a peer that promises as much.
    const compared = step === OURS ? [...peers, TUSD_FORCED] : peers;
    const beside = compared.flatMap((peer) => {
      const rate = compareRounds(rounds, 'rate', step, peer);
      const cpu = compareRounds(rounds, 'cpu', step, peer);
      return rate && cpu ? [`${peer}: rate ${range(rate)}, CPU ${range(cpu)}`] : [];
    });
    if (beside.length > 0) bench.note(`${step} beside ${beside.join('; ')}.`);
  }
}
