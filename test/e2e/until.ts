import { setTimeout as delay } from 'node:timers/promises';

/** Ask again and again until the answer is yes; for what tells nobody when it happens. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs = 15_000,
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await delay(25);
  }
}
