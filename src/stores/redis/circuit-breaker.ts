import { SluiceError } from '../../core/errors.ts';
import { sessionStoreAway } from './call.ts';

/** So many calls one after the other, none of them answered, and nobody else waits. */
const FAILURES = 5;
/** While it is away one call is let through to see whether it is back, so long after the last one. */
const PROBE_AFTER_MS = 250;
/**
 * Calls at once. Those of a burst wait for their turn: a busy server, or a process too busy to read, would answer the
 * last of hundreds so late that they count as not answered. On a line of 10 ms it is still 6 400 a second.
 */
const AT_ONCE = 64;
/** Calls in the line, at most. */
const MOST_WAITING = 10_000;
/** Those in the line wait for so long for a server that is away; with a call's own deadline that is below 2 s. */
const PATIENCE_MS = 1000;
/** For one that answers, slowly. */
const LONG_PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 50;

/**
 * Keeps callers from waiting for a server that does not answer: after some have waited in vain all who come are
 * refused at once, but for one now and then that finds out whether the server is back. And keeps a burst of calls
 * from drowning one that does answer.
 */
export interface CircuitBreaker {
  /** Throws `REDIS_CONNECTION_ERROR` without calling `work` while the server is away, or the line is too long. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Calls `work` whatever is known: for health checks. What it finds counts. */
  probe<T>(work: () => Promise<T>): Promise<T>;
  state(): BreakerState;
}

/** `half_open`: away, and one call is under way to see whether it is back. */
export type BreakerState = 'closed' | 'half_open' | 'open';

interface Waiting {
  readonly since: number;
  readonly go: () => void;
  readonly refuse: (fault: SluiceError) => void;
}

/** `now`: milliseconds on a clock that never steps. */
export function createCircuitBreaker(now: () => number = () => performance.now()): CircuitBreaker {
  const line = new Set<Waiting>();
  let failures = 0;
  let nextProbeAt = 0;
  let probing = false;
  let atWork = 0;
  let look: NodeJS.Timeout | null = null;

  const isClosed = () => failures < FAILURES;

  function noteFault(fault: unknown): void {
    if (!isAway(fault)) {
      // A refusal is an answer.
      failures = 0;
      return;
    }
    failures += 1;
    nextProbeAt = now() + PROBE_AFTER_MS;
  }

  /** For a call that has its turn, and is counted in `atWork`. */
  async function takeTurn<T>(work: () => Promise<T>): Promise<T> {
    // Where others failed while it stood in line, it is the one that finds out.
    const findsOut = !isClosed();
    if (findsOut) probing = true;
    try {
      const result = await work();
      failures = 0;
      return result;
    } catch (fault) {
      noteFault(fault);
      throw fault;
    } finally {
      if (findsOut) probing = false;
      atWork -= 1;
      if (line.size > 0) moveOn();
    }
  }

  function standInLine(): Promise<void> {
    if (line.size >= MOST_WAITING) return Promise.reject(away('Too many calls wait for Redis.'));
    return new Promise((go, refuse) => line.add({ since: now(), go, refuse }));
  }

  function callUp(): void {
    const [first] = line;
    if (!first) return;
    line.delete(first);
    atWork += 1;
    first.go();
  }

  /** Whoever may go, goes. While the server is away that is one now and then. */
  function moveOn(): void {
    const patienceMs = isClosed() ? LONG_PATIENCE_MS : PATIENCE_MS;
    for (const one of line) {
      if (now() - one.since < patienceMs) break;
      line.delete(one);
      one.refuse(away(`No turn at Redis within ${patienceMs} ms.`));
    }
    if (isClosed()) {
      while (line.size > 0 && atWork < AT_ONCE) callUp();
      return;
    }
    if (!probing && now() >= nextProbeAt && atWork < AT_ONCE) callUp();
    if (line.size === 0 || look) return;
    look = setTimeout(() => {
      look = null;
      moveOn();
    }, LOOK_EVERY_MS);
  }

  return {
    state: () => (isClosed() ? 'closed' : probing ? 'half_open' : 'open'),

    async probe(work) {
      try {
        const result = await work();
        failures = 0;
        return result;
      } catch (fault) {
        noteFault(fault);
        throw fault;
      } finally {
        if (line.size > 0) moveOn();
      }
    },

    run(work) {
      if (isClosed() && atWork >= AT_ONCE) return standInLine().then(() => takeTurn(work));
      if (!isClosed() && (probing || now() < nextProbeAt)) {
        return Promise.reject(away('Redis did not answer others.'));
      }
      atWork += 1;
      return takeTurn(work);
    },
  };
}

function away(reason: string): SluiceError {
  return sessionStoreAway(new Error(reason));
}

function isAway(fault: unknown): boolean {
  return fault instanceof SluiceError && fault.code === 'REDIS_CONNECTION_ERROR';
}
