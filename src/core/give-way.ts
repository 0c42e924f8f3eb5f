import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Long enough to see whether anything else goes on, short enough not to matter where nothing does. */
const LOOK_MS = 1;
/** What rests for so many times as long as it worked takes at most a fifth of the time. */
const REST_PER_WORK = 4;
/** Whatever happens, it goes on after so long. */
const MOST_MS = 500;

/**
 * Rest between two pieces of work that nobody waits for: the longer the piece was, and the busier the process is with
 * requests, the longer. For a moment nothing of that work goes on, and all that keeps the event loop from idling is others'.
 * @param workMs how long the last piece took, waiting included.
 * @returns how busy it was with them: 0 to 1.
 */
export async function giveWay(workMs: number, signal?: AbortSignal): Promise<number> {
  const before = performance.eventLoopUtilization();
  await rest(LOOK_MS, signal);
  const busy = performance.eventLoopUtilization(before).utilization;
  const ms = Math.min(MOST_MS, workMs * REST_PER_WORK * busy);
  if (ms >= LOOK_MS) await rest(ms, signal);
  return busy;
}

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // Whoever is told to stop does not rest.
  await delay(ms, undefined, signal && { signal }).catch(() => {});
}
