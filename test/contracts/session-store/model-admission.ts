import assert from 'node:assert/strict';
import { sessionIdFor } from './harness.ts';
import { freeBytes, isKnown, liveCount, type Model, type ModelUser, type Real, sealedIds } from './model.ts';
import { admissionOf } from './workshop.ts';

/** Steps on the store and on the model alike, up to the moment a session is there. */

export const TTL_MS = 600_000;
export const LIFETIME_MS = 1_500_000;
const MAX_FILE_SIZE = 600;
const MAX_ACTIVE = 5;
const FOR_EVER = Number.POSITIVE_INFINITY;

export async function readLedger(model: Model, real: Real, user: ModelUser): Promise<void> {
  const now = await real.harness.now();
  const { sealed } = await real.harness.store.read(user.userId);
  assert.deepEqual([...sealed].sort(), sealedIds(model, user));
  user.reading = { asked: sealed, ...real.ledger.account(user.userId, sealed, now) };
}

export async function load(model: Model, real: Real, user: ModelUser): Promise<void> {
  const { reading } = user;
  user.reading = null;
  // Whether a period that is over is taken depends on how far the adapter trusts its own clock.
  if (!reading || (await real.harness.now()) >= reading.account.periodEnd) return;
  const { account, asked, settled } = reading;
  const result = await real.harness.store.load(account, asked, settled);
  const isCurrent = account.version >= user.seen && sealedIds(model, user).every((id) => asked.includes(id));
  assert.equal(result.kind, isCurrent ? 'loaded' : 'need_account');
  if (!isCurrent) return;
  Object.assign(user, { cached: account, seen: account.version, stale: false });
}

export async function initiate(
  model: Model,
  real: Real,
  user: ModelUser,
  bytes: number | null,
): Promise<void> {
  const { store } = real.harness;
  const admission = admissionOf(user.userId, bytes, {
    sessionId: sessionIdFor(user.userId),
    maxFileSize: MAX_FILE_SIZE,
    maxActiveSessions: MAX_ACTIVE,
    ttlMs: TTL_MS,
    maxLifetimeMs: LIFETIME_MS,
  });
  for (;;) {
    const now = await real.harness.now();
    const result = await store.admit(admission);
    if (!isKnown(user, now)) {
      assert.equal(result.kind, 'need_account');
      await readLedger(model, real, user);
      await load(model, real, user);
      continue;
    }
    const free = freeBytes(model, user, now);
    const wanted = bytes ?? Math.max(1, Math.min(MAX_FILE_SIZE, free));
    if (liveCount(model, user, now) >= MAX_ACTIVE) return void assert.equal(result.kind, 'too_many_sessions');
    if (wanted > free) return void assert.equal(result.kind, 'quota_exceeded');
    assert.ok(
      result.kind === 'admitted',
      `${result.kind}, though ${wanted} of ${free} free bytes were wanted`,
    );
    assert.partialDeepStrictEqual(result, {
      replayed: false,
      session: { status: 'active', reservedBytes: wanted },
    });
    const { sessionId, userId, createdAt, expiresAt } = result.session;
    assert.equal(expiresAt, createdAt + TTL_MS);
    model.sessions.push({
      sessionId,
      userId,
      createdAt,
      stored: 'active',
      expiresAt,
      reserved: wanted,
      offset: 0,
      epoch: 0,
      sealed: false,
      holdUntil: 0,
      completion: null,
      voided: false,
      goneAfter: FOR_EVER,
    });
    return;
  }
}
