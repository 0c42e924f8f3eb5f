import { Worker } from 'node:worker_threads';

const TICK_MS = 10;
/** Whoever sleeps for a tick and wakes so much later has not been let down by the scheduler alone. */
const LATE_MS = 50;

/** Milliseconds: those lost so far; and since the epoch, when the sleeper woke last, 0 before it ever did. */
const told = new Float64Array(new SharedArrayBuffer(16));

/** A thread that does nothing but sleep: what this process does with its own time does not hold it up. */
const SLEEPER = `
  const told = require('node:worker_threads').workerData;
  const pillow = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    Atomics.wait(pillow, 0, 0, ${TICK_MS});
    const now = performance.timeOrigin + performance.now();
    const late = now - told[1] - ${TICK_MS};
    if (told[1] > 0 && late > ${LATE_MS}) told[0] += late;
    told[1] = now;
  }
`;

new Worker(SLEEPER, { eval: true, workerData: told }).unref();

/** Milliseconds so far in which the whole machine stood still, as a virtual one does that its host forgets. */
export function standstillMs(): number {
  const [lost = 0, woke = 0] = told;
  // After a standstill the sleeper may not have had its turn yet.
  const late = performance.timeOrigin + performance.now() - woke - TICK_MS;
  return woke > 0 && late > LATE_MS ? lost + late : lost;
}
