import assert from 'node:assert/strict';
import type { Session } from '../../../src/core/session.ts';
import { ended, type Promises, TTL_MS } from './workshop.ts';

const CANCEL = { status: 'cancelled', failure: null } as const;
const EXPIRE = { status: 'expired', failure: null } as const;
const HOUR_MS = 3_600_000;

const ids = (sessions: readonly Session[]) => sessions.map(({ sessionId }) => sessionId);

export function dueContract(promise: Promises): void {
  promise('a session is due when its time has come, and not before', async (w) => {
    const session = await w.open(await w.user(), 1000);
    assert.deepEqual(await w.store.due(10), []);
    await w.advance(TTL_MS - 10_000);
    assert.deepEqual(await w.store.due(10), []);
    await w.advance(10_000);
    const due = await w.store.due(10);
    assert.deepEqual(ids(due), [session.sessionId]);
    assert.partialDeepStrictEqual(due[0], {
      userId: session.userId,
      status: 'expired',
      createdAt: session.createdAt,
    });
  });

  promise('what the sweeper needs is known long after the session', async (w) => {
    const session = await w.open(await w.user(), 1000);
    await w.store.take(session.sessionId, 'a');
    await w.store.commit(session.sessionId, 1, { offset: 10, storage: 'over there', detectedFormat: 'mkv' });
    await w.advance(30 * 24 * HOUR_MS);
    const [due] = await w.store.due(10);
    assert.partialDeepStrictEqual(due, {
      sessionId: session.sessionId,
      userId: session.userId,
      status: 'expired',
      storage: 'over there',
      detectedFormat: 'mkv',
      uploadOffset: 10,
      createdAt: session.createdAt,
    });
  });

  promise('the longest due come first, and no more than asked for', async (w) => {
    const userId = await w.user();
    const sessions = [];
    for (let i = 0; i < 5; i += 1) {
      sessions.push(await w.open(userId, 10));
      await w.advance(1000);
    }
    await w.advance(TTL_MS);
    assert.deepEqual(ids(await w.store.due(3)), ids(sessions.slice(0, 3)));
    assert.deepEqual(ids(await w.store.due(10)), ids(sessions));
  });

  promise('ended, expired and sealed sessions of a user come in the order they became due', async (w) => {
    const userId = await w.user();
    const expired = await w.open(userId, 10, { ttlMs: 10_000 });
    const later = await w.open(userId, 10, { ttlMs: 40_000 });
    const sealed = await w.sealed(userId, 10);
    const cancelled = await w.open(userId, 10);
    await w.advance(20_000);
    await w.store.end(cancelled.sessionId, CANCEL);
    await w.advance(TTL_MS);
    const order = ids([expired, cancelled, later, sealed]);
    assert.deepEqual(ids(await w.store.due(10)), order);
    assert.deepEqual(ids(await w.store.due(2)), order.slice(0, 2));
  });

  promise('what is due for many users is found, a part at a time', async (w) => {
    const expected = new Set<string>();
    for (let i = 0; i < 12; i += 1) {
      const userId = await w.user();
      expected.add((await w.open(userId, 10)).sessionId);
      expected.add((await w.open(userId, 10)).sessionId);
    }
    const alive = await w.open(await w.user(), 10, { ttlMs: 3 * TTL_MS });
    await w.advance(TTL_MS);
    const seen = new Set<string>();
    for (;;) {
      const due = await w.store.due(5);
      assert.ok(due.length <= 5);
      for (const session of due) {
        assert.ok(!seen.has(session.sessionId), 'a session came up again although it was forgotten');
        seen.add(session.sessionId);
        await w.store.end(session.sessionId, EXPIRE);
        await w.store.forget(session.sessionId);
      }
      if (due.length === 0) break;
    }
    assert.deepEqual(seen, expected);
    assert.equal((await w.store.find(alive.sessionId))?.status, 'active');
  });

  promise('an ended session is due until it is forgotten', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const cancelled = ended(await w.store.end(session.sessionId, CANCEL));
    assert.deepEqual(await w.store.due(10), [cancelled]);
    assert.deepEqual(await w.store.due(10), [cancelled]);
    await w.store.forget(session.sessionId);
    assert.deepEqual(await w.store.due(10), []);
    assert.equal((await w.store.find(session.sessionId))?.status, 'cancelled');
  });

  promise('a sealed session is due after its time, still active: the ledger decides', async (w) => {
    const sealed = await w.sealed(await w.user(), 1000);
    assert.deepEqual(await w.store.due(10), []);
    await w.advance(TTL_MS + 1000);
    const due = await w.store.due(10);
    assert.deepEqual(ids(due), [sealed.sessionId]);
    assert.partialDeepStrictEqual(due[0], { status: 'active', sealed: true, reservedBytes: 1000 });
    await w.store.end(sealed.sessionId, { ...EXPIRE, voided: true });
    assert.deepEqual(
      (await w.store.due(10)).map(({ status }) => status),
      ['expired'],
    );
    await w.store.forget(sealed.sessionId);
    assert.deepEqual(await w.store.due(10), []);
  });

  promise(
    'a sealed session is known whole until somebody decides on it, and for a while after',
    async (w) => {
      const userId = await w.user();
      const [completed, voided] = [await w.sealed(userId, 1000), await w.sealed(userId, 1000)];
      const { dashboardContext, filename, maxFileSize } = completed;
      await w.advance(3 * TTL_MS);
      const [found] = await w.store.due(10);
      assert.partialDeepStrictEqual(found, { dashboardContext, filename, maxFileSize });
      await w.complete(completed);
      await w.store.end(voided.sessionId, { ...EXPIRE, voided: true });
      await w.advance(300_000);
      for (const { sessionId } of [completed, voided]) {
        assert.partialDeepStrictEqual(await w.store.find(sessionId), { dashboardContext, filename });
      }
      await w.store.forget(voided.sessionId);
      assert.deepEqual((await w.keysWithoutTtl?.()) ?? [], []);
    },
  );

  promise('a forgotten session answers with its status for an hour, then it was never there', async (w) => {
    const session = await w.open(await w.user(), 1000);
    await w.advance(TTL_MS);
    await w.store.end(session.sessionId, EXPIRE);
    await w.store.forget(session.sessionId);
    await w.advance(HOUR_MS - 10_000);
    assert.partialDeepStrictEqual(await w.store.find(session.sessionId), {
      userId: session.userId,
      status: 'expired',
    });
    await w.store.forget(session.sessionId);
    await w.advance(20_000);
    assert.equal(await w.store.find(session.sessionId), null);
    assert.deepEqual(await w.store.take(session.sessionId, 'a'), { kind: 'not_found' });
    assert.deepEqual(await w.store.end(session.sessionId, CANCEL), { kind: 'not_found' });
  });

  promise('a completed session is remembered for a while, then it was never there', async (w) => {
    const userId = await w.user();
    const finished = await w.complete(await w.sealed(userId, 1000));
    await w.advance(300_000);
    assert.deepEqual(await w.store.find(finished.sessionId), finished);
    await w.advance(25 * HOUR_MS);
    assert.equal(await w.store.find(finished.sessionId), null);
    assert.equal((await w.quota(userId)).usedBytes, 1000);
  });

  promise('after every session has ended nothing is reserved, due, or left for ever', async (w) => {
    const userId = await w.user();
    const cancelled = await w.open(userId, 10, { idempotency: { key: 'k', fingerprint: 'f' } });
    await w.store.end(cancelled.sessionId, CANCEL);
    const held = await w.open(userId, 10);
    await w.store.end(held.sessionId, { ...CANCEL, holdReservationUntil: (await w.now()) + 60_000 });
    await w.complete(await w.sealed(userId, 10));
    const voided = await w.sealed(userId, 10);
    await w.open(userId, 10);
    await w.advance(2 * TTL_MS);
    await w.store.end(voided.sessionId, { ...EXPIRE, voided: true });
    for (const session of await w.store.due(100)) {
      await w.store.end(session.sessionId, EXPIRE);
      await w.store.forget(session.sessionId);
    }
    assert.deepEqual(await w.store.due(100), []);
    assert.partialDeepStrictEqual(await w.quota(userId), {
      usedBytes: 10,
      reservedBytes: 0,
      activeSessions: 0,
    });
    assert.deepEqual((await w.keysWithoutTtl?.()) ?? [], []);
  });
}
