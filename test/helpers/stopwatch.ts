import { readFileSync } from 'node:fs';
import { standstillMs } from './standstill.ts';

/** On a machine that is short of processors all the time, something may take so many times as long. */
const MOST = 4;

/**
 * Milliseconds since now, less those in which the machine stood still, or somebody on it waited for a processor: what a
 * promise of the service is held against is how long it waits, not how busy the machine is that tests run on. Linux
 * counts the latter (`some` of /proc/pressure/cpu, in microseconds, Documentation/accounting/psi.rst).
 */
export function startStopwatch(): () => number {
  const began = performance.now();
  const before = { still: standstillMs(), starved: starvedMs() };
  return () => {
    const took = performance.now() - began;
    const moved = took - (standstillMs() - before.still);
    return Math.max(moved - (starvedMs() - before.starved), moved / MOST);
  };
}

function starvedMs(): number {
  try {
    const [, total = '0'] = /some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8')) ?? [];
    return Number(total) / 1000;
  } catch {
    return 0;
  }
}
