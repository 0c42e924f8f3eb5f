import { range } from '../report/table.ts';
import type { Bench, Rounds } from './contract.ts';
import { compareRounds } from './statistics.ts';

/** What the framework alone costs, as a sentence: what it leaves of *bare*'s rate bounds every service on it. */
export function noteFramework(bench: Pick<Bench, 'note'>, rounds: Rounds): void {
  const share = compareRounds(rounds, 'rate', 'fastify', 'bare');
  if (share)
    bench.note(`fastify, which does what bare does and nothing else, has ${range(share)} of bare's rate.`);
}

/** How far the least that a service can be is from *fastapi*: no service in Node is further. */
export function noteLeast(bench: Pick<Bench, 'note'>, rounds: Rounds): void {
  const times = compareRounds(rounds, 'rate', 'bare with tokens', 'fastapi');
  if (times)
    bench.note(
      `bare with tokens, the least that a service can be, has ${range(times)} times fastapi's rate.`,
    );
}
