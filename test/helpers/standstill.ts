import { Worker } from 'node:worker_threads';

const TICK_MS = 10;
/** Whoever sleeps for a tick and wakes so much later has not been let down by the scheduler alone. */
const LATE_MS = 50;

const ticks = new Int32Array(new SharedArrayBuffer(4));
const lost = new Float64Array(new SharedArrayBuffer(8));

/** A thread that does nothing but sleep: what this process does with its own time does not hold it up. */
const SLEEPER = `
  const { ticks, lost } = require('node:worker_threads').workerData;
  const pillow = new Int32Array(new SharedArrayBuffer(4));
  for (let last = performance.now(); ; ) {
    Atomics.wait(pillow, 0, 0, ${TICK_MS});
    const now = performance.now();
    const late = now - last - ${TICK_MS};
    if (late > ${LATE_MS}) lost[0] += late;
    last = now;
    Atomics.add(ticks, 0, 1);
    Atomics.notify(ticks, 0);
  }
`;

new Worker(SLEEPER, { eval: true, workerData: { ticks, lost } }).unref();

/**
 * Milliseconds so far in which the whole machine stood still, as a virtual one does that its host forgets, or was so busy
 * that it came to the same. Waits for the sleeper to have looked, which is a tick.
 */
export function standstillMs(): number {
  const seen = Atomics.load(ticks, 0);
  Atomics.wait(ticks, 0, seen, 1000);
  return lost[0] ?? 0;
}
