import type { Completion, SettledBytes } from '../../../src/core/ports.ts';
import type { Account } from '../../../src/core/quota.ts';
import { DAY_MS, periodAt } from '../../../src/core/quota.ts';

interface Row {
  account: Account;
  readonly settled: Map<string, Completion>;
  readonly voided: Set<string>;
}

/** The ledger as the contract describes it, in memory, with the time handed in: what a store is told by. */
export interface LedgerModel {
  account(
    userId: string,
    asked: readonly string[],
    now: number,
  ): { readonly account: Account; readonly settled: readonly SettledBytes[] };
  /** Null where the session was voided. */
  settle(sessionId: string, userId: string, bytes: number, now: number): Completion | null;
  /** The completion where the session was settled, else null: it is voided. */
  voidSession(sessionId: string, userId: string, now: number): Completion | null;
  setLimit(userId: string, limitBytes: number, now: number): Account;
  resetPeriod(userId: string, now: number): Account;
  settlements(userId: string): readonly Completion[];
}

export const PERIOD_MS = 30 * DAY_MS;

export function createLedgerModel(defaultLimit: number): LedgerModel {
  const rows = new Map<string, Row>();

  function row(userId: string, now: number): Row {
    const found = rows.get(userId) ?? {
      account: {
        userId,
        limitBytes: defaultLimit,
        usedBytes: 0,
        periodStart: now,
        periodEnd: now + PERIOD_MS,
        version: 1,
      },
      settled: new Map(),
      voided: new Set(),
    };
    rows.set(userId, found);
    if (now >= found.account.periodEnd) {
      const { start, end } = periodAt(found.account.periodStart, PERIOD_MS, now);
      change(found, { usedBytes: 0, periodStart: start, periodEnd: end });
    }
    return found;
  }

  function change(found: Row, changes: Partial<Account>): Account {
    found.account = { ...found.account, ...changes, version: found.account.version + 1 };
    return found.account;
  }

  return {
    account(userId, asked, now) {
      const { account, settled } = row(userId, now);
      const counted = asked.flatMap((sessionId) => {
        const completion = settled.get(sessionId);
        const current = completion?.periodStart === account.periodStart;
        return completion && current ? [{ sessionId, bytes: completion.bytes }] : [];
      });
      return { account, settled: counted };
    },
    settle(sessionId, userId, bytes, now) {
      const found = row(userId, now);
      if (found.voided.has(sessionId)) return null;
      const before = found.settled.get(sessionId);
      if (before) return before;
      const account = change(found, { usedBytes: found.account.usedBytes + bytes });
      const completion = {
        bytes,
        periodStart: account.periodStart,
        accountVersion: account.version,
        completedAt: now,
        detectedFormat: 'mp4',
        contentSha256: 'a'.repeat(64),
      };
      found.settled.set(sessionId, completion);
      return completion;
    },
    voidSession(sessionId, userId, now) {
      const found = row(userId, now);
      const settled = found.settled.get(sessionId);
      if (!settled) found.voided.add(sessionId);
      return settled ?? null;
    },
    setLimit: (userId, limitBytes, now) => change(row(userId, now), { limitBytes }),
    resetPeriod(userId, now) {
      const found = row(userId, now);
      // Two periods that begin in the same millisecond could not be told apart.
      const start = Math.max(now, found.account.periodStart + 1);
      return change(found, { usedBytes: 0, periodStart: start, periodEnd: start + PERIOD_MS });
    },
    settlements: (userId) => [...(rows.get(userId)?.settled.values() ?? [])],
  };
}
