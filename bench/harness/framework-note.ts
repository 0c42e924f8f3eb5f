import { figure } from '../report/table.ts';
import type { Bench } from './contract.ts';
import { ratiosOf, spreadOf } from './statistics.ts';

/** What the framework alone costs, as a sentence: what it leaves of *bare*'s rate bounds every service on it. */
export function noteFramework(bench: Bench, rates: ReadonlyMap<string, readonly number[]>): void {
  const ratios = ratiosOf(rates.get('fastify') ?? [], rates.get('bare') ?? []);
  if (ratios.length === 0) return;
  const { median, least, most } = spreadOf(ratios);
  bench.note(
    `fastify, which does what bare does and nothing else, has ${figure(median)} (${figure(least)} – ${figure(most)}) of bare's rate.`,
  );
}

/** How far the least that a service can be is from *fastapi*: no service in Node is further. */
export function noteLeast(bench: Bench, rates: ReadonlyMap<string, readonly number[]>): void {
  const ratios = ratiosOf(rates.get('bare with tokens') ?? [], rates.get('fastapi') ?? []);
  if (ratios.length === 0) return;
  const { median, least, most } = spreadOf(ratios);
  bench.note(
    `bare with tokens, the least that a service can be, has ${figure(median)} (${figure(least)} – ${figure(most)}) times fastapi's rate.`,
  );
}
