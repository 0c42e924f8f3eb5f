import { readFileSync } from 'node:fs';

/** On a machine that is short of processors all the time, something may take so many times as long. */
const MOST = 4;

/**
 * Milliseconds since now, less those in which somebody on this machine waited for a processor: what a promise of the
 * service is held against is how long it waits, not how busy the machine is that tests run on. Linux counts such time
 * (`some` of /proc/pressure/cpu, in microseconds, Documentation/accounting/psi.rst); elsewhere all time counts.
 */
export function startStopwatch(): () => number {
  const began = performance.now();
  const stalledBefore = stalledMs();
  return () => {
    const took = performance.now() - began;
    return Math.max(took - (stalledMs() - stalledBefore), took / MOST);
  };
}

function stalledMs(): number {
  try {
    const [, total = '0'] = /some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8')) ?? [];
    return Number(total) / 1000;
  } catch {
    return 0;
  }
}
