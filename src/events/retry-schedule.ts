/**
 * Pauses between attempts: 5 s, 15 s, 45 s … up to 3 h, a little more than a day in all. Then the event is
 * dead until somebody replays it.
 */
const FIRST_PAUSE_MS = 5_000;
const FACTOR = 3;
const LONGEST_PAUSE_MS = 3 * 3_600_000;
export const MAX_ATTEMPTS = 16;
/** Each pause is longer or shorter by up to this share: what failed together need not come back together. */
const JITTER = 0.2;

/**
 * How long to wait after so many failed attempts, in ms; null where that was the last one.
 * @param random from 0 to 1
 */
export function pauseAfter(attempts: number, random: number, retryAfterMs = 0): number | null {
  if (attempts >= MAX_ATTEMPTS) return null;
  const pause = Math.min(FIRST_PAUSE_MS * FACTOR ** (attempts - 1), LONGEST_PAUSE_MS);
  const spread = pause * (1 + JITTER * (2 * random - 1));
  return Math.round(Math.max(spread, Math.min(retryAfterMs, LONGEST_PAUSE_MS)));
}
