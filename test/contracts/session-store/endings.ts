import assert from 'node:assert/strict';
import type { Completion } from '../../../src/core/ports.ts';
import { newUser, sessionIdFor } from './harness.ts';
import { committed, ended, type Promises, TTL_MS, taken } from './workshop.ts';

const CANCEL = { status: 'cancelled', failure: null } as const;
const EXPIRE = { status: 'expired', failure: null } as const;

export function endingsContract(promise: Promises): void {
  promise('finishing turns the reservation into used bytes, once', async (w) => {
    const userId = await w.user();
    const sealed = await w.sealed(userId, 1000);
    const completion = w.ledger.settle(sealed.sessionId, userId, 1000, await w.now());
    assert.ok(completion);
    const finished = await w.store.finish(sealed.sessionId, completion);
    assert.deepEqual(finished, {
      ...sealed,
      status: 'completed',
      reservedBytes: 0,
      contentSha256: completion.contentSha256,
      detectedFormat: 'mp4',
      completedAt: completion.completedAt,
    });
    assert.deepEqual(await w.store.finish(sealed.sessionId, completion), finished);
    assert.deepEqual(await w.store.find(sealed.sessionId), finished);
    assert.equal((await w.store.read(userId)).kind, 'known');
    assert.partialDeepStrictEqual(await w.quota(userId), {
      usedBytes: 1000,
      reservedBytes: 0,
      activeSessions: 0,
    });
    assert.deepEqual(await w.store.liveSessions(userId), []);
    assert.deepEqual(await w.store.due(10), []);
  });

  promise('many finishes at once count once', async (w) => {
    const userId = await w.user();
    await w.open(userId, 500);
    const sealed = await w.sealed(userId, 1000);
    const completion = w.ledger.settle(sealed.sessionId, userId, 1000, await w.now());
    assert.ok(completion);
    const all = await Promise.all(
      Array.from({ length: 20 }, () => w.store.finish(sealed.sessionId, completion)),
    );
    assert.ok(all.every((session) => session?.status === 'completed'));
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 500 });
  });

  promise('a sealed session finishes even after its time', async (w) => {
    const userId = await w.user();
    const sealed = await w.sealed(userId, 1000);
    await w.advance(2 * TTL_MS);
    const finished = await w.complete(sealed);
    assert.partialDeepStrictEqual(finished, { status: 'completed', filename: 'holiday.mp4' });
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
    assert.deepEqual(await w.store.due(10), []);
    assert.deepEqual(await w.store.find(sealed.sessionId), finished);
  });

  promise('finishing a session that is not there gives null', async (w) => {
    const completion: Completion = {
      bytes: 1,
      periodStart: 1,
      accountVersion: 1,
      completedAt: 1,
      detectedFormat: null,
      contentSha256: 'c'.repeat(64),
    };
    assert.equal(await w.store.finish(sessionIdFor(newUser()), completion), null);
  });

  promise('a completed session takes neither writer nor byte nor end', async (w) => {
    const sealed = await w.sealed(await w.user(), 1000);
    const finished = await w.complete(sealed);
    assert.deepEqual(await w.store.take(sealed.sessionId, 'b'), { kind: 'ended', session: finished });
    const commit = await w.store.commit(sealed.sessionId, sealed.epoch, { offset: 1001 });
    assert.deepEqual(commit, { kind: 'ended', session: finished });
    assert.deepEqual(await w.store.end(sealed.sessionId, CANCEL), { kind: 'already', session: finished });
    assert.deepEqual(await w.store.find(sealed.sessionId), finished);
  });

  promise('ending gives the reservation back, tells why, and shuts the writer out', async (w) => {
    const userId = await w.user();
    const session = await w.open(userId, 1000);
    const writing = taken(await w.store.take(session.sessionId, 'a'));
    await w.store.commit(session.sessionId, writing.epoch, { offset: 10, storage: 'here' });
    const failure = { error_code: 'UNSUPPORTED_FORMAT', error_message: 'This is HTML, "not" a video.' };
    const failed = ended(await w.store.end(session.sessionId, { status: 'failed', failure }));
    assert.partialDeepStrictEqual(failed, {
      status: 'failed',
      failure,
      reservedBytes: 0,
      uploadOffset: 10,
      storage: 'here',
      filename: 'holiday.mp4',
    });
    assert.ok(failed.epoch > writing.epoch);
    assert.deepEqual(await w.store.commit(session.sessionId, writing.epoch, { offset: 20 }), {
      kind: 'ended',
      session: failed,
    });
    assert.deepEqual(await w.store.take(session.sessionId, 'b'), { kind: 'ended', session: failed });
    assert.partialDeepStrictEqual(await w.quota(userId), {
      reservedBytes: 0,
      usedBytes: 0,
      activeSessions: 0,
    });
    assert.deepEqual(await w.store.find(session.sessionId), failed);
  });

  promise('what has ended stays as it ended', async (w) => {
    const userId = await w.user();
    const session = await w.open(userId, 1000);
    await w.open(userId, 300);
    const cancelled = ended(await w.store.end(session.sessionId, CANCEL));
    for (const status of ['cancelled', 'failed', 'expired'] as const) {
      assert.deepEqual(await w.store.end(session.sessionId, { status, failure: null, voided: true }), {
        kind: 'already',
        session: cancelled,
      });
    }
    const completion = {
      bytes: 1000,
      periodStart: 1,
      accountVersion: 1,
      completedAt: 1,
      detectedFormat: null,
    };
    const finish = await w.store.finish(session.sessionId, { ...completion, contentSha256: 'd'.repeat(64) });
    assert.equal(finish?.status, 'cancelled');
    assert.equal((await w.quota(userId)).reservedBytes, 300);
  });

  promise('a reservation is given back once, however many end the session at once', async (w) => {
    const userId = await w.user();
    await w.open(userId, 300);
    const session = await w.open(userId, 1000);
    const ways = [CANCEL, EXPIRE, { status: 'failed', failure: null }] as const;
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, i) => w.store.end(session.sessionId, ways[i % 3] ?? CANCEL)),
    );
    assert.equal(results.filter(({ kind }) => kind === 'ended').length, 1);
    assert.equal(results.filter(({ kind }) => kind === 'already').length, 29);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 300, activeSessions: 1 });
  });

  promise('of finishing, cancelling and expiring at once, one wins and the bytes move once', async (w) => {
    const userId = await w.user();
    await w.open(userId, 300);
    const sealed = await w.sealed(userId, 1000);
    const completion = w.ledger.settle(sealed.sessionId, userId, 1000, await w.now());
    assert.ok(completion);
    await w.advance(2 * TTL_MS);
    await w.open(userId, 300);
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => {
        if (i % 3 === 0) return w.store.finish(sealed.sessionId, completion);
        return w.store.end(sealed.sessionId, i % 3 === 1 ? CANCEL : EXPIRE);
      }),
    );
    assert.equal((await w.store.find(sealed.sessionId))?.status, 'completed');
    assert.partialDeepStrictEqual(await w.quota(userId), {
      usedBytes: 1000,
      reservedBytes: 300,
      activeSessions: 1,
    });
  });

  promise('a sealed session ends only once the ledger has voided it', async (w) => {
    const userId = await w.user();
    const sealed = await w.sealed(userId, 1000);
    for (const ending of [CANCEL, EXPIRE]) {
      assert.deepEqual(await w.store.end(sealed.sessionId, ending), { kind: 'sealed', session: sealed });
    }
    assert.deepEqual(await w.store.find(sealed.sessionId), sealed);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
    assert.equal(w.ledger.voidSession(sealed.sessionId, userId, await w.now()), null);
    const cancelled = ended(await w.store.end(sealed.sessionId, { ...CANCEL, voided: true }));
    assert.equal(cancelled.status, 'cancelled');
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 0, reservedBytes: 0 });
    assert.partialDeepStrictEqual(await w.store.read(userId), { sealed: [] });
  });

  promise('cancelling what has expired finds it expired, and its bytes still go', async (w) => {
    const userId = await w.user(1000);
    const session = await w.open(userId, 1000);
    await w.advance(TTL_MS);
    const result = await w.store.end(session.sessionId, CANCEL);
    assert.ok(result.kind === 'already');
    assert.partialDeepStrictEqual(result.session, { status: 'expired', reservedBytes: 0 });
    await w.open(userId, 1000);
    assert.deepEqual(
      (await w.store.due(10)).map(({ sessionId }) => sessionId),
      [session.sessionId],
    );
    assert.equal(ended(await w.store.end(session.sessionId, EXPIRE)).status, 'expired');
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise('a held reservation outlives its session until its moment, and no longer', async (w) => {
    const userId = await w.user(1000);
    const session = await w.open(userId, 700);
    const until = (await w.now()) + 900_000;
    const cancelled = ended(await w.store.end(session.sessionId, { ...CANCEL, holdReservationUntil: until }));
    assert.equal(cancelled.status, 'cancelled');
    assert.equal(cancelled.reservedBytes, 700);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 700, activeSessions: 0 });
    assert.deepEqual(await w.store.liveSessions(userId), []);
    await w.store.forget(session.sessionId);
    assert.equal((await w.quota(userId)).reservedBytes, 700);
    const refused = await w.admit(userId, 301);
    assert.ok(refused.kind === 'quota_exceeded');
    assert.equal(refused.retryAt, until);

    await w.advance(until - (await w.now()) - 10_000);
    assert.equal((await w.admit(userId, 301)).kind, 'quota_exceeded');
    await w.advance(10_000);
    await w.open(userId, 1000);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 1000, activeSessions: 1 });
    assert.deepEqual(
      (await w.store.due(10)).map(({ sessionId }) => sessionId),
      [session.sessionId],
    );
    await w.store.forget(session.sessionId);
    assert.deepEqual(await w.store.due(10), []);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise('a held session is not among the live ones that are counted', async (w) => {
    const userId = await w.user();
    const first = await w.open(userId, 10, { maxActiveSessions: 1 });
    const until = (await w.now()) + 900_000;
    await w.store.end(first.sessionId, { ...CANCEL, holdReservationUntil: until });
    await w.open(userId, 10, { maxActiveSessions: 1 });
    assert.equal((await w.admit(userId, 10, { maxActiveSessions: 1 })).kind, 'too_many_sessions');
    await w.advance(1_000_000);
    assert.equal((await w.admit(userId, 10, { maxActiveSessions: 1 })).kind, 'too_many_sessions');
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 10, activeSessions: 1 });
  });

  promise('a session of which nothing is reserved any more can still be sealed and ended', async (w) => {
    const userId = await w.user();
    const { sessionId } = await w.open(userId, null);
    await w.store.take(sessionId, 'a');
    const sealed = await w.store.commit(sessionId, 1, { offset: 0, reserve: 0, seal: true });
    assert.ok(sealed.kind === 'committed');
    assert.deepEqual((await w.store.read(userId)).sealed, [sessionId]);
    assert.equal((await w.quota(userId)).activeSessions, 1);
    assert.equal((await w.complete(sealed.session)).status, 'completed');
    assert.partialDeepStrictEqual(await w.quota(userId), {
      usedBytes: 0,
      reservedBytes: 0,
      activeSessions: 0,
    });
  });

  promise('an upload that was recognised keeps its format where the ledger names none', async (w) => {
    const userId = await w.user();
    const { sessionId } = await w.open(userId, 10);
    const { epoch } = taken(await w.store.take(sessionId, 'a'));
    const sealed = committed(
      await w.store.commit(sessionId, epoch, { offset: 10, detectedFormat: 'avi', seal: true }),
    );
    const completion = w.ledger.settle(sealed.sessionId, userId, 10, await w.now());
    assert.ok(completion);
    const finished = await w.store.finish(sessionId, { ...completion, detectedFormat: null });
    assert.equal(finished?.detectedFormat, 'avi');
  });
}
