import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Long enough to see whether anything else goes on, short enough not to matter where nothing does. */
const LOOK_MS = 1;
/** What rests for so many times as long as it worked takes at most an eighth of the time. */
const REST_PER_WORK = 7;
/** Whatever happens, it goes on after so long. */
const MOST_MS = 1000;
/** Requests come in bursts: some milliseconds without any mean little. What was seen before counts half after so long. */
const HALF_LIFE_MS = 20;
/** Share of the time that requests keep the process busy, from which on it is busy. */
const BUSY = 0.3;
/** Less than that are replies and timers that the work itself has left behind. */
const QUIET = 0.05;
/** Where it is not, so much work is done between two looks. */
const WORK_MS = 20;
/** What was seen so long ago says nothing. */
const KNOWN_MS = 5000;

/**
 * Work that nobody waits for. It can be done by several at once, and they rest together: otherwise each would take
 * the others for requests and wait for them.
 */
export interface Background {
  /** Whether requests keep the process busy, as far as it was looked; true where it was not. */
  isBusy(): boolean;
  /** Do a piece of that work, in a moment when nobody rests. Whoever rests waits for its end, so it must have one. */
  run<T>(piece: () => Promise<T>): Promise<T>;
  /** Between two pieces: give way to requests, where it is time to. */
  rest(signal?: AbortSignal): Promise<void>;
}

export function createBackground(): Background {
  const running = new Set<Promise<unknown>>();
  let resting: Promise<void> | null = null;
  let busy = 1;
  let lookedAt = performance.now();
  /** How long it has worked since the last rest, and since when it does so now. */
  let workedMs = 0;
  let workingSince = 0;

  async function run<T>(piece: () => Promise<T>): Promise<T> {
    while (resting) await resting;
    if (running.size === 0) workingSince = performance.now();
    const work = piece();
    running.add(work);
    try {
      return await work;
    } finally {
      running.delete(work);
      if (running.size === 0) workedMs += performance.now() - workingSince;
    }
  }

  async function restTogether(signal: AbortSignal | undefined): Promise<void> {
    while (running.size > 0) await Promise.allSettled(running);
    busy = await giveWay(workedMs, busy, signal);
    lookedAt = performance.now();
    workedMs = 0;
    resting = null;
  }

  function isBusy(): boolean {
    if (performance.now() - lookedAt > KNOWN_MS) busy = 1;
    return busy > BUSY;
  }

  return {
    isBusy,
    run,
    rest(signal) {
      const working = running.size > 0 ? performance.now() - workingSince : 0;
      if (resting === null && !isBusy() && workedMs + working < WORK_MS) return Promise.resolve();
      resting ??= restTogether(signal);
      return resting;
    },
  };
}

/**
 * Rest between two pieces of work that nobody waits for: the longer the piece was, and the busier the process is with
 * requests, the longer. While it rests nothing of that work goes on, and all that keeps the event loop from idling is
 * others'.
 * @param workMs how long the last piece took, waiting included.
 * @param before how busy it was with them, as the last call has found.
 * @returns how busy it is: 0 to 1.
 */
export async function giveWay(workMs: number, before: number, signal?: AbortSignal): Promise<number> {
  const began = performance.now();
  const start = performance.eventLoopUtilization();
  const look = () => {
    const remembered = before * 0.5 ** ((performance.now() - began) / HALF_LIFE_MS);
    return Math.max(performance.eventLoopUtilization(start).utilization, remembered);
  };
  let lookMs = LOOK_MS;
  await rest(lookMs, signal);
  for (;;) {
    const seen = look();
    const left = began + Math.min(MOST_MS, workMs * REST_PER_WORK * seen) - performance.now();
    if (left < LOOK_MS || seen < QUIET || signal?.aborted) return look();
    // What the work itself has left behind looks like a request at first, but it does not go on.
    lookMs *= 2;
    await rest(Math.min(left, lookMs), signal);
  }
}

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // Whoever is told to stop does not rest.
  await delay(ms, undefined, signal && { signal }).catch(() => {});
}
