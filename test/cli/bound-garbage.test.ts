import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { SERVICE_FLAGS } from '../../scripts/lib/service-flags.mjs';

const MODULE = new URL('../../src/cli/bound-garbage.ts', import.meta.url).href;

/** Keeps some 10 MB alive for long enough that all of it grows old, and lets 200 MB pass through; tells the largest heap. */
const PROGRAM = `
  const { boundGarbage } = await import('${MODULE}');
  if (process.argv.includes('bounded')) boundGarbage();
  const alive = [];
  let most = 0;
  for (let n = 0; n < 2000; n += 1) {
    alive.push(Array.from({ length: 1000 }, (_, i) => ({ n, i })));
    if (alive.length > 100) alive.shift();
    most = Math.max(most, process.memoryUsage().heapTotal);
  }
  console.log(Math.round(most / 1e6));
`;

test('what grows old is collected before it is a multiple of what is alive', () => {
  const bounded = largestHeap('bounded');
  const unbounded = largestHeap('unbounded');
  assert.ok(bounded < 0.7 * unbounded, `${bounded} MB, without a bound ${unbounded} MB`);
});

/** MB of the heap of a process of its own. */
function largestHeap(how: string): number {
  const flags = [...SERVICE_FLAGS, '--input-type=module', '--eval', PROGRAM];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, how], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return Number(stdout);
}
