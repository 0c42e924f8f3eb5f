import assert from 'node:assert/strict';
import { until } from '../e2e/until.ts';

/** Series by their text, such as `upload_initiate_total{outcome="accepted"}`, and their values. */
export type Series = ReadonlyMap<string, number>;

export async function readSeries(url: string, headers: Record<string, string> = {}): Promise<Series> {
  const response = await fetch(new URL('/metrics', url), { headers });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return parseSeries(text);
}

function parseSeries(text: string): Series {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** By how much series have moved, where they have. */
export type Moves = Readonly<Record<string, number>>;

/** What counts; how long something took is known by how often it was measured. Scrapes do not count. */
const WATCHED =
  /^(upload|quota|auth|webhook|settlement|storage_op)_.*(_total|_count)(\{|$)|^http_server_request_duration_seconds_count/;
const UNWATCHED = /route="\/metrics"|^storage_op.*op="(open|write|close|discard|join)"/;

function movesBetween(before: Series, after: Series): Moves {
  const moves: Record<string, number> = {};
  for (const [name, value] of after) {
    const change = value - (before.get(name) ?? 0);
    if (change !== 0 && WATCHED.test(name) && !UNWATCHED.test(name)) moves[name] = change;
  }
  return moves;
}

/**
 * Assert that `act` moves these series by so much, and no other. An answer is out a moment before it is counted, hence
 * the patience; what is counted twice is found by looking once more.
 */
export async function assertMoves(url: string, expected: Moves, act: () => Promise<unknown>): Promise<void> {
  const before = await readSeries(url);
  await act();
  const look = async () => movesBetween(before, await readSeries(url));
  await until('the counters move', async () => same(await look(), expected)).catch(() => {});
  assert.deepEqual(sorted(await look()), sorted(expected));
}

function same(one: Moves, other: Moves): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(moves: Moves): Moves {
  return Object.fromEntries(Object.entries(moves).sort(([a], [b]) => a.localeCompare(b)));
}
