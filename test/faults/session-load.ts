import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError } from '../../src/core/errors.ts';
import { sessionIdFor } from '../contracts/session-store/harness.ts';
import type { Workshop } from '../contracts/session-store/workshop.ts';
import { eventually } from '../helpers/redis.ts';

/** Between two calls of a caller. Without it the load would take the processor from the servers it is to watch. */
const PAUSE_MS = 3;
/** For a busy machine: what prepares the load is not what is judged. */
const PATIENCE_MS = 30_000;

/** Room for so many sessions of one byte each, and so many callers who want one: over-admission would show. */
const ROOM = 3;
const CALLERS = 5;
const SLOW = /No answer from Redis|did not answer others/;

export interface LoadReport {
  readonly admitted: number;
  readonly refused: number;
  /** Calls that were answered with `REDIS_CONNECTION_ERROR`. */
  readonly away: number;
  /** Those among them that Redis refused or lost, and did not just answer slowly, as on a busy machine. */
  readonly lost: number;
  /** Longest time between two admissions of one user, and longest answer, in milliseconds. */
  readonly longestOutageMs: number;
  readonly longestAnswerMs: number;
  /** Longest time in which this process, which asks, could not run itself: of answers that took longer it is the cause. */
  readonly ownDelayMs: number;
  /** Answers that showed more in use than the limit: invariant A. */
  readonly overAdmitted: number;
}

export interface Load {
  /** Admissions of this user so far. Throws what `stop` would. */
  admitted(userId: string): number;
  /** Why a call was last answered with `REDIS_CONNECTION_ERROR`. */
  lastFault(): unknown;
  stop(): Promise<LoadReport>;
}

/**
 * Users who start sessions and cancel them, again and again, on one store, until the test ends. Throws, when it is stopped, where
 * anything else than "yes", "no room" or "Redis is away" was answered.
 */
export function startLoad(t: TestContext, w: Workshop, users: readonly string[]): Load {
  const admissions = new Map(users.map((userId) => [userId, 0]));
  const lastAt = new Map(users.map((userId) => [userId, performance.now()]));
  let [refused, away, lost, longestOutageMs, longestAnswerMs, overAdmitted] = [0, 0, 0, 0, 0, 0];
  let stopping = false;
  let abandoned = false;
  let failure: unknown = null;
  let lastFault: unknown = null;
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();

  async function timed<T>(work: () => Promise<T>): Promise<T | null> {
    const startedAt = performance.now();
    try {
      return await work();
    } catch (fault) {
      if (!(fault instanceof SluiceError) || fault.code !== 'REDIS_CONNECTION_ERROR') throw fault;
      away += 1;
      lastFault = fault.cause;
      if (!SLOW.test(String(fault.cause))) lost += 1;
      return null;
    } finally {
      longestAnswerMs = Math.max(longestAnswerMs, performance.now() - startedAt);
    }
  }

  /** What was done although its answer was lost is repeated, or its bytes would stay reserved. */
  async function insist<T>(work: () => Promise<T>): Promise<T | null> {
    while (!abandoned) {
      const result = await timed(work);
      if (result) return result;
      await pause(5);
    }
    return null;
  }

  async function callAgainAndAgain(userId: string): Promise<void> {
    while (!stopping) {
      await pause(PAUSE_MS);
      const sessionId = sessionIdFor(userId);
      const result = await insist(() => w.admit(userId, 1, { sessionId }));
      if (!result) return;
      if (result.kind === 'idempotency_key_reused') assert.fail('no key was sent');
      const { usedBytes, reservedBytes, limitBytes } = result.quota;
      if (usedBytes + reservedBytes > limitBytes) overAdmitted += 1;
      if (result.kind !== 'admitted') {
        refused += 1;
        continue;
      }
      const now = performance.now();
      longestOutageMs = Math.max(longestOutageMs, now - (lastAt.get(userId) ?? now));
      lastAt.set(userId, now);
      admissions.set(userId, (admissions.get(userId) ?? 0) + 1);
      await insist(() => w.store.end(sessionId, { status: 'cancelled', failure: null }));
    }
  }

  const callers = users.flatMap((userId) => Array.from({ length: CALLERS }, () => callAgainAndAgain(userId)));
  const all = Promise.all(callers);
  // Told to whoever asks next: nobody listens until then.
  all.catch((fault: unknown) => {
    failure = fault;
  });
  t.after(() => {
    stopping = true;
    // Where the test failed, there may be no Redis any more that would cancel anything.
    abandoned = true;
    delay.disable();
  });
  return {
    admitted(userId) {
      if (failure) throw failure;
      return admissions.get(userId) ?? 0;
    },
    lastFault: () => lastFault,
    async stop() {
      stopping = true;
      await all;
      const admitted = [...admissions.values()].reduce((sum, count) => sum + count, 0);
      const ownDelayMs = delay.max / 1e6;
      return { admitted, refused, away, lost, longestOutageMs, longestAnswerMs, ownDelayMs, overAdmitted };
    },
  };
}

/** Users whose room is smaller than what the load asks of it. */
export async function crampedUsers(w: Workshop, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => eventually(PATIENCE_MS, () => w.user(ROOM))));
}
