import assert from 'node:assert/strict';
import { admissionOf, type Promises, type Workshop } from './workshop.ts';

const CANCEL = { status: 'cancelled', failure: null } as const;

/** For stores whose accounts can get lost while the sessions stay: a failover, an eviction. */
export function lostAccountContract(promise: Promises): void {
  promise('where the account was lost, reservations are summed up again from the sessions', async (w) => {
    const userId = await w.user(5000);
    const { sealed, expired, held } = await oneOfEach(w, userId);
    await lose(w, userId);
    const needed = await w.store.admit(admissionOf(userId, 1));
    assert.partialDeepStrictEqual(needed, { kind: 'need_account', sealed: [sealed.sessionId] });
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), {
      reservedBytes: 1000 + 500 + 200,
      activeSessions: 2,
    });
    assert.equal((await w.admit(userId, 3301)).kind, 'quota_exceeded');
    await w.open(userId, 3300);
    await w.complete(sealed);
    assert.partialDeepStrictEqual(await w.quota(userId), {
      usedBytes: 500,
      reservedBytes: 4500,
      activeSessions: 2,
    });
    await w.advance(1_000_000);
    assert.equal((await w.quota(userId)).reservedBytes, 4300);
    const due = (await w.store.due(10)).map(({ sessionId }) => sessionId);
    assert.deepEqual(due.sort(), [expired.sessionId, held.sessionId].sort());
  });

  promise('a lost account stops neither writer, nor cancel, nor sweeper', async (w) => {
    const userId = await w.user(5000);
    const [written, cancelled] = [await w.open(userId, 100), await w.open(userId, 200)];
    const expired = await w.open(userId, 400, { ttlMs: 10_000 });
    await w.open(userId, 50);
    await w.store.take(written.sessionId, 'a');
    await lose(w, userId);
    assert.equal((await w.store.commit(written.sessionId, 1, { offset: 10 })).kind, 'committed');
    assert.equal((await w.store.end(cancelled.sessionId, CANCEL)).kind, 'ended');
    await w.advance(10_000);
    assert.deepEqual(
      (await w.store.due(10)).map(({ sessionId }) => sessionId).sort(),
      [cancelled.sessionId, expired.sessionId].sort(),
    );
    assert.equal((await w.store.commit(written.sessionId, 1, { offset: 100, seal: true })).kind, 'committed');
    assert.deepEqual((await w.store.read(userId)).sealed, [written.sessionId]);
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 150, activeSessions: 2 });
  });

  promise('sealing a session or growing its reservation finds a lost account again', async (w) => {
    const userId = await w.user(1000);
    const [sealing, growing] = [await w.open(userId, 100), await w.open(userId, 200)];
    await w.store.take(sealing.sessionId, 'a');
    await w.store.take(growing.sessionId, 'a');
    await lose(w, userId);
    assert.equal((await w.store.commit(sealing.sessionId, 1, { offset: 100, seal: true })).kind, 'committed');
    await lose(w, userId);
    const early = await w.store.commit(growing.sessionId, 1, { offset: 200, reserve: 300 });
    assert.equal(early.kind, 'quota_exceeded', 'without the account nothing can be promised');
    await w.load(userId);
    assert.equal((await w.quota(userId)).reservedBytes, 300);
    assert.equal(
      (await w.store.commit(growing.sessionId, 1, { offset: 200, reserve: 900 })).kind,
      'committed',
    );
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise('a hold that is over when the account is lost is summed up by nobody', async (w) => {
    const userId = await w.user(1000);
    const sealed = await w.sealed(userId, 600);
    const holdReservationUntil = (await w.now()) + 60_000;
    await w.store.end(sealed.sessionId, { ...CANCEL, voided: true, holdReservationUntil });
    await w.advance(60_000);
    await lose(w, userId);
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 0, activeSessions: 0 });
    assert.deepEqual((await w.store.read(userId)).sealed, []);
    assert.deepEqual((await w.store.due(10)).length, 1);
  });

  promise('an upload finished while the account was lost is counted once', async (w) => {
    const userId = await w.user(5000);
    await w.open(userId, 300);
    const sealed = await w.sealed(userId, 1000);
    const asked = [sealed.sessionId];
    await lose(w, userId);
    const early = w.ledger.account(userId, asked, await w.now());
    await w.complete(sealed);
    assert.equal((await w.store.load(early.account, asked, early.settled)).kind, 'need_account');
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 300 });
  });
}

/** Sessions of every kind that matters to a sum: 1000 active, 500 sealed, 200 held, and 400 expired. */
async function oneOfEach(w: Workshop, userId: string) {
  const expired = await w.open(userId, 400, { ttlMs: 10_000 });
  const held = await w.open(userId, 200);
  await w.open(userId, 1000);
  const sealed = await w.sealed(userId, 500);
  await w.store.end(held.sessionId, { ...CANCEL, holdReservationUntil: (await w.now()) + 900_000 });
  await w.advance(10_000);
  return { expired, held, sealed };
}

async function lose(w: Workshop, userId: string): Promise<void> {
  assert.ok(w.loseAccount, 'the harness of such a store knows how to lose an account');
  await w.loseAccount(userId);
}
