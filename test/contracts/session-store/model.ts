import assert from 'node:assert/strict';
import type { Completion, SettledBytes } from '../../../src/core/ports.ts';
import type { Account } from '../../../src/core/quota.ts';
import type { SessionStatus } from '../../../src/core/session.ts';
import type { SessionStoreHarness } from './harness.ts';
import type { LedgerModel } from './ledger-model.ts';

/** What a session store has to know about a session, in the simplest form that can be right. */
export interface ModelSession {
  readonly sessionId: string;
  readonly userId: string;
  readonly createdAt: number;
  stored: SessionStatus;
  expiresAt: number;
  reserved: number;
  offset: number;
  epoch: number;
  sealed: boolean;
  holdUntil: number;
  /** The ledger's verdict, which the store has not heard yet as long as `stored` is active. */
  completion: Completion | null;
  voided: boolean;
  /** From then on the store may have forgotten it. */
  goneAfter: number;
}

export interface ModelUser {
  readonly userId: string;
  /** The account as the store has it; null before the first load. */
  cached: Account | null;
  /** The store heard of a newer period than the cached one. */
  stale: boolean;
  /** The newest version of the account that the store heard of. */
  seen: number;
  /** Bytes of finished uploads, by the start of the period that counted them. */
  readonly finished: Map<number, number>;
  /** Read from the ledger, but not loaded yet. */
  reading: { account: Account; asked: readonly string[]; settled: readonly SettledBytes[] } | null;
}

export interface Model {
  readonly users: readonly ModelUser[];
  readonly sessions: ModelSession[];
  /** What the store said was reserved, and used, per user, when it was last looked at. */
  readonly taken: Map<string, number>;
}

export interface Real {
  readonly harness: SessionStoreHarness;
  readonly ledger: LedgerModel;
}

export function isLive(session: ModelSession, now: number): boolean {
  return session.stored === 'active' && (session.sealed || now < session.expiresAt);
}

export function statusOf(session: ModelSession, now: number): SessionStatus {
  return session.stored === 'active' && !isLive(session, now) ? 'expired' : session.stored;
}

function ownsBytes(session: ModelSession, now: number): boolean {
  return isLive(session, now) || now < session.holdUntil;
}

export function isDue(session: ModelSession, now: number): boolean {
  if (session.goneAfter < Number.POSITIVE_INFINITY || now < session.holdUntil) return false;
  return session.stored !== 'active' || now >= session.expiresAt;
}

export function sessionsOf(model: Model, user: ModelUser): ModelSession[] {
  return model.sessions.filter(({ userId }) => userId === user.userId);
}

export function ownerOf(model: Model, session: ModelSession): ModelUser {
  const user = model.users.find(({ userId }) => userId === session.userId);
  assert.ok(user);
  return user;
}

export function sealedIds(model: Model, user: ModelUser): string[] {
  const sealed = sessionsOf(model, user).filter(({ stored, sealed }) => stored === 'active' && sealed);
  return sealed.map(({ sessionId }) => sessionId).sort();
}

function reservedBytes(model: Model, user: ModelUser, now: number): number {
  const owning = sessionsOf(model, user).filter((session) => ownsBytes(session, now));
  return owning.reduce((sum, { reserved }) => sum + reserved, 0);
}

export function liveCount(model: Model, user: ModelUser, now: number): number {
  return sessionsOf(model, user).filter((session) => isLive(session, now)).length;
}

/** The account is here and good for decisions. */
export function isKnown(user: ModelUser, now: number): user is ModelUser & { cached: Account } {
  return user.cached !== null && !user.stale && now < user.cached.periodEnd;
}

function usedBytes(user: ModelUser): number {
  return user.finished.get(user.cached?.periodStart ?? 0) ?? 0;
}

export function freeBytes(model: Model, user: ModelUser, now: number): number {
  return (user.cached?.limitBytes ?? 0) - usedBytes(user) - reservedBytes(model, user, now);
}

/**
 * Invariants A and C after a step. C is exact: used is the sum of what was finished in the period, each once.
 * A: nothing is taken beyond the limit; where the limit was lowered below it, no more than was before.
 */
export async function checkInvariants(model: Model, { harness }: Real): Promise<void> {
  const now = await harness.now();
  for (const user of model.users) {
    const known = await harness.store.read(user.userId);
    assert.deepEqual([...known.sealed].sort(), sealedIds(model, user), 'sealed sessions');
    assert.equal(known.kind, isKnown(user, now) ? 'known' : 'need_account');
    if (known.kind === 'need_account') continue;
    const { limitBytes, usedBytes: used, reservedBytes: reserved, activeSessions } = known.quota;
    assert.deepEqual(
      { limitBytes, used, reserved, activeSessions },
      {
        limitBytes: user.cached?.limitBytes,
        used: usedBytes(user),
        reserved: reservedBytes(model, user, now),
        activeSessions: liveCount(model, user, now),
      },
    );
    const before = model.taken.get(user.userId) ?? 0;
    assert.ok(used + reserved <= Math.max(limitBytes, before), 'A: more is taken than the limit allows');
    model.taken.set(user.userId, used + reserved);
  }
}
