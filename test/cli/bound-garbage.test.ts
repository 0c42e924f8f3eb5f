import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { SERVICE_FLAGS } from '../../scripts/lib/service-flags.mjs';

const MODULE = new URL('../../src/cli/bound-garbage.ts', import.meta.url).href;

/**
 * Keeps some 20 MB alive for long enough that all of it grows old, and lets 300 MB pass through; tells the largest old
 * generation.
 */
const PROGRAM = `
  const { getHeapSpaceStatistics } = await import('node:v8');
  const { boundGarbage } = await import('${MODULE}');
  if (process.argv.includes('bounded')) boundGarbage();
  const alive = [];
  let most = 0;
  for (let n = 0; n < 6000; n += 1) {
    alive.push(Array.from({ length: 1000 }, (_, i) => ({ n, i })));
    if (alive.length > 400) alive.shift();
    const old = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space');
    most = Math.max(most, old.space_size);
  }
  console.log(Math.round(most / 1e6));
`;

test('what grows old is collected before it is a multiple of what is alive', () => {
  const bounded = largestOldGeneration('bounded');
  const unbounded = largestOldGeneration('unbounded');
  assert.ok(bounded < 0.7 * unbounded, `${bounded} MB, without a bound ${unbounded} MB`);
});

/** MB, of a process of its own. */
function largestOldGeneration(how: string): number {
  const flags = [...SERVICE_FLAGS, '--input-type=module', '--eval', PROGRAM];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, how], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return Number(stdout);
}
