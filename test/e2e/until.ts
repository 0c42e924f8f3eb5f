import { setTimeout as delay } from 'node:timers/promises';

/**
 * Ask again and again until the answer is yes; for what tells nobody when it happens. The deadline is there to end a
 * test that hangs, on a machine that may be busy: how fast something is, tests measure for themselves.
 */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await delay(25);
  }
}
