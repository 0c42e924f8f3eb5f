import assert from 'node:assert/strict';
import type { Completion, Ending, Progress } from '../../../src/core/ports.ts';
import {
  freeBytes,
  isDue,
  isKnown,
  isLive,
  type Model,
  type ModelSession,
  type ModelUser,
  ownerOf,
  type Real,
  sessionsOf,
  statusOf,
} from './model.ts';
import { initiate, LIFETIME_MS, load, readLedger, TTL_MS } from './model-admission.ts';

export { initiate, load, readLedger };

/** Steps on the store and on the model alike; each asserts that the store did what the model says it must. */

/** A final session certainly still answers for so long. */
const REMEMBERED_MS = 300_000;

export async function take(_: Model, { harness }: Real, session: ModelSession): Promise<void> {
  const now = await harness.now();
  const result = await harness.store.take(session.sessionId, 'writer');
  if (!isLive(session, now)) {
    return assert.partialDeepStrictEqual(result, {
      kind: 'ended',
      session: { status: statusOf(session, now) },
    });
  }
  session.epoch += 1;
  assert.partialDeepStrictEqual(result, {
    kind: 'taken',
    session: { epoch: session.epoch, uploadOffset: session.offset, expiresAt: session.expiresAt },
  });
}

export async function commit(
  model: Model,
  { harness }: Real,
  session: ModelSession,
  change: {
    readonly grow: number;
    readonly reserve: number | null;
    readonly seal: boolean;
    readonly late: boolean;
  },
): Promise<void> {
  const now = await harness.now();
  const user = ownerOf(model, session);
  const offset = session.offset + Math.min(change.grow, session.reserved - session.offset);
  const wanted = change.reserve === null ? session.reserved : Math.max(change.reserve, offset);
  const grows = wanted > session.reserved;
  // Whether a reservation may grow on the account of a period that is over is left to the adapter.
  if (grows && !isKnown(user, now) && !user.stale) return;

  const epoch = change.late ? session.epoch - 1 : session.epoch;
  const progress: Progress = {
    offset,
    ...(change.reserve === null ? {} : { reserve: change.reserve }),
    ...(change.seal ? { seal: true } : {}),
  };
  const result = await harness.store.commit(session.sessionId, epoch, progress);

  if (!isLive(session, now)) return void assert.equal(result.kind, 'ended');
  if (change.late) return void assert.equal(result.kind, 'fenced');
  if (session.sealed) {
    return void assert.equal(result.kind, offset === session.offset ? 'committed' : 'fenced');
  }
  if (grows && (user.stale || wanted - session.reserved > freeBytes(model, user, now))) {
    return void assert.equal(result.kind, 'quota_exceeded');
  }
  assert.ok(result.kind === 'committed', result.kind);
  const { expiresAt } = result.session;
  if (offset > session.offset) {
    assert.ok(expiresAt <= session.createdAt + LIFETIME_MS && expiresAt >= session.expiresAt);
    assert.ok(expiresAt >= Math.min(now + TTL_MS, session.createdAt + LIFETIME_MS));
    assert.ok(expiresAt <= Math.max(session.expiresAt, (await harness.now()) + TTL_MS));
  } else {
    assert.equal(expiresAt, session.expiresAt);
  }
  Object.assign(session, { offset, reserved: wanted, expiresAt, sealed: change.seal });
  assert.partialDeepStrictEqual(result.session, {
    uploadOffset: offset,
    reservedBytes: wanted,
    sealed: change.seal,
    status: 'active',
  });
}

/** The ledger's part of a completion; only what is sealed gets there. */
export async function settle(_: Model, { harness, ledger }: Real, session: ModelSession): Promise<void> {
  if (session.stored !== 'active' || !session.sealed) return;
  session.completion = ledger.settle(session.sessionId, session.userId, session.offset, await harness.now());
}

export async function voidInLedger(
  _: Model,
  { harness, ledger }: Real,
  session: ModelSession,
): Promise<void> {
  if (session.stored !== 'active' || !session.sealed) return;
  session.completion = ledger.voidSession(session.sessionId, session.userId, await harness.now());
  session.voided = session.completion === null;
}

export async function finish(model: Model, real: Real, session: ModelSession): Promise<void> {
  const { completion } = session;
  if (!completion) return;
  const result = await real.harness.store.finish(session.sessionId, completion);
  assert.partialDeepStrictEqual(result, {
    status: 'completed',
    reservedBytes: 0,
    uploadOffset: session.offset,
  });
  if (session.stored === 'active') recordFinish(ownerOf(model, session), completion);
  const now = await real.harness.now();
  if (session.stored === 'active') session.goneAfter = now + REMEMBERED_MS;
  session.stored = 'completed';
}

function recordFinish(user: ModelUser, { periodStart, bytes, accountVersion }: Completion): void {
  user.finished.set(periodStart, (user.finished.get(periodStart) ?? 0) + bytes);
  user.seen = Math.max(user.seen, accountVersion);
  if (user.cached && periodStart > user.cached.periodStart) user.stale = true;
}

export async function end(
  model: Model,
  real: Real,
  session: ModelSession,
  status: Ending['status'],
  holdMs: number,
) {
  const now = await real.harness.now();
  const holds = holdMs > 0 && status === 'cancelled';
  const result = await real.harness.store.end(session.sessionId, {
    status,
    failure: null,
    ...(session.voided ? { voided: true } : {}),
    ...(holds ? { holdReservationUntil: now + holdMs } : {}),
  });
  const current = statusOf(session, now);
  if (session.stored !== 'active' || (current === 'expired' && status !== 'expired')) {
    return assert.partialDeepStrictEqual(result, { kind: 'already', session: { status: current } });
  }
  if (session.sealed && !session.voided) return void assert.equal(result.kind, 'sealed');
  assert.partialDeepStrictEqual(result, { kind: 'ended', session: { status } });
  session.stored = status;
  session.epoch += 1;
  session.holdUntil = holds ? now + holdMs : 0;
  void model;
}

/**
 * As core's sweep does it; `together`: what has expired ends in one step; `crash` stops it between the end of the
 * sessions and the forgetting.
 */
export async function sweep(
  model: Model,
  real: Real,
  { crash, together }: { readonly crash: boolean; readonly together: boolean },
): Promise<void> {
  const now = await real.harness.now();
  const due = await real.harness.store.due(1000);
  const expected = model.sessions.filter((session) => isDue(session, now));
  assert.deepEqual(
    due.map(({ sessionId }) => sessionId).sort(),
    expected.map(({ sessionId }) => sessionId).sort(),
  );
  if (together) await expireAll(real, expected, now);
  for (const session of expected) {
    const listed = due.find(({ sessionId }) => sessionId === session.sessionId);
    assert.equal(listed?.status, statusOf(session, now));
    if (session.stored === 'active') {
      if (session.sealed) await voidInLedger(model, real, session);
      if (session.completion) await finish(model, real, session);
      else await end(model, real, session, 'expired', 0);
    }
    if (session.stored === 'completed' || crash) continue;
    await real.harness.store.forget(session.sessionId);
    session.goneAfter = now + REMEMBERED_MS;
  }
}

async function expireAll({ harness }: Real, listed: readonly ModelSession[], now: number): Promise<void> {
  const expired = listed.filter((one) => one.stored === 'active' && statusOf(one, now) === 'expired');
  const ended = await harness.store.expire(listed.map(({ sessionId }) => sessionId));
  assert.deepEqual([...ended].sort(), expired.map(({ sessionId }) => sessionId).sort());
  for (const session of expired) {
    session.stored = 'expired';
    session.epoch += 1;
  }
}

/** The store answers for the session as the model would, as long as it has to answer at all. */
export async function look(_: Model, { harness }: Real, session: ModelSession): Promise<void> {
  const now = await harness.now();
  assert.partialDeepStrictEqual(await harness.store.find(session.sessionId), {
    userId: session.userId,
    status: statusOf(session, now),
    epoch: session.epoch,
    sealed: session.sealed,
    uploadOffset: session.offset,
  });
}

/** Invariant F: bring everything to its end, and see that nothing is left. */
export async function endOfAll(model: Model, real: Real): Promise<void> {
  const { harness } = real;
  for (let round = 0; round < 3; round += 1) {
    await harness.advance(2 * TTL_MS);
    await sweep(model, real, { crash: false, together: round === 1 });
  }
  assert.deepEqual(await harness.store.due(1000), []);
  for (const user of model.users) {
    assert.ok(sessionsOf(model, user).every(({ stored }) => stored !== 'active'));
    for (;;) {
      const known = await harness.store.read(user.userId);
      if (known.kind === 'known') {
        assert.partialDeepStrictEqual(known.quota, { reservedBytes: 0, activeSessions: 0 });
        const { account } = real.ledger.account(user.userId, [], await harness.now());
        if (account.periodStart === user.cached?.periodStart) {
          assert.equal(known.quota.usedBytes, account.usedBytes, 'C: used is what the ledger settled');
        }
        break;
      }
      await readLedger(model, real, user);
      await load(model, real, user);
    }
    assert.deepEqual(await harness.store.liveSessions(user.userId), []);
  }
  assert.deepEqual((await harness.keysWithoutTtl?.()) ?? [], []);
}
