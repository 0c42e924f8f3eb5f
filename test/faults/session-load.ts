import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SluiceError } from '../../src/core/errors.ts';
import type { Workshop } from '../contracts/session-store/workshop.ts';

/** Room for so many sessions of one byte each, and so many callers who want one: over-admission would show. */
const ROOM = 3;
const CALLERS = 5;

export interface LoadReport {
  readonly admitted: number;
  readonly refused: number;
  /** Calls that were answered with `REDIS_CONNECTION_ERROR`. */
  readonly away: number;
  /** Longest time between two admissions of one user, and longest answer, in milliseconds. */
  readonly longestOutageMs: number;
  readonly longestAnswerMs: number;
  /** Answers that showed more in use than the limit: invariant A. */
  readonly overAdmitted: number;
}

export interface Load {
  /** Admissions of this user so far. */
  admitted(userId: string): number;
  stop(): Promise<LoadReport>;
}

/**
 * Users who start sessions and cancel them without a pause, on one store, until the test ends. Throws, when it is stopped, where
 * anything else than "yes", "no room" or "Redis is away" was answered.
 */
export function startLoad(t: TestContext, w: Workshop, users: readonly string[]): Load {
  const admissions = new Map(users.map((userId) => [userId, 0]));
  const lastAt = new Map(users.map((userId) => [userId, performance.now()]));
  let [refused, away, longestOutageMs, longestAnswerMs, overAdmitted] = [0, 0, 0, 0, 0];
  let stopping = false;

  async function timed<T>(work: () => Promise<T>): Promise<T | null> {
    const startedAt = performance.now();
    try {
      return await work();
    } catch (fault) {
      if (!(fault instanceof SluiceError) || fault.code !== 'REDIS_CONNECTION_ERROR') throw fault;
      away += 1;
      await pause(5);
      return null;
    } finally {
      longestAnswerMs = Math.max(longestAnswerMs, performance.now() - startedAt);
    }
  }

  async function callAgainAndAgain(userId: string): Promise<void> {
    while (!stopping) {
      const result = await timed(() => w.admit(userId, 1));
      if (!result) continue;
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
      const { sessionId } = result.session;
      while (!(await timed(() => w.store.end(sessionId, { status: 'cancelled', failure: null }))));
    }
  }

  const callers = users.flatMap((userId) => Array.from({ length: CALLERS }, () => callAgainAndAgain(userId)));
  const all = Promise.all(callers);
  // Told by `stop`: until then nobody listens.
  all.catch(() => {});
  t.after(() => {
    stopping = true;
  });
  return {
    admitted: (userId) => admissions.get(userId) ?? 0,
    async stop() {
      stopping = true;
      await all;
      const admitted = [...admissions.values()].reduce((sum, count) => sum + count, 0);
      return { admitted, refused, away, longestOutageMs, longestAnswerMs, overAdmitted };
    },
  };
}

/** Users whose room is smaller than what the load asks of it. */
export async function crampedUsers(w: Workshop, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => w.user(ROOM)));
}
