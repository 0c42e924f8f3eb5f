import type { FastifyBaseLogger } from 'fastify';

/** Milliseconds between two lines about one outage. */
const REPEAT_MS = 60_000;

/** What the log tells of a server that is lost: its clients try again and again, and have a fault each time. */
export interface OutageLines {
  /** A try that failed: a line for the first, and one a minute. */
  failed(fault: Error): void;
  /** It can be used: a line where a fault was told before. */
  over(): void;
}

/** `now`: milliseconds on a clock that never steps. */
export function createOutageLines(
  log: Pick<FastifyBaseLogger, 'warn' | 'info'>,
  server: string,
  now: () => number = () => performance.now(),
): OutageLines {
  let began: number | null = null;
  let toldAt = 0;
  let untold = 0;

  return {
    failed(err) {
      if (began !== null && now() - toldAt < REPEAT_MS) {
        untold += 1;
        return;
      }
      began ??= now();
      toldAt = now();
      log.warn({ err, ...(untold > 0 && { moreFaults: untold }) }, `the connection to ${server} failed`);
      untold = 0;
    },
    over() {
      if (began === null) return;
      log.info({ outageMs: Math.round(now() - began) }, `${server} answers again`);
      began = null;
      untold = 0;
    },
  };
}
