import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Long enough to see whether anything else goes on, short enough not to matter where nothing does. */
const LOOK_MS = 1;
/** What rests for so many times as long as it worked takes at most an eighth of the time. */
const REST_PER_WORK = 7;
/** Whatever happens, it goes on after so long. */
const MOST_MS = 1000;
/** Requests come in bursts: one look that sees none means little, several that do so mean a lot. */
const REMEMBERED = 0.7;

/**
 * Rest between two pieces of work that nobody waits for: the longer the piece was, and the busier the process is with
 * requests, the longer. While it rests nothing of that work goes on, and all that keeps the event loop from idling is
 * others'.
 * @param workMs how long the last piece took, waiting included.
 * @param before how busy it was with them, as the last call has found.
 * @returns how busy it is: 0 to 1.
 */
export async function giveWay(workMs: number, before: number, signal?: AbortSignal): Promise<number> {
  const start = performance.eventLoopUtilization();
  const look = () => Math.max(performance.eventLoopUtilization(start).utilization, before * REMEMBERED);
  await rest(LOOK_MS, signal);
  const ms = Math.min(MOST_MS, workMs * REST_PER_WORK * look());
  if (ms >= LOOK_MS) await rest(ms, signal);
  return look();
}

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // Whoever is told to stop does not rest.
  await delay(ms, undefined, signal && { signal }).catch(() => {});
}
