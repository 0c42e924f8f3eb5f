import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { accepted, SluiceError } from '../../src/core/errors.ts';
import type { Session } from '../../src/core/session.ts';
import { newUser } from '../contracts/session-store/harness.ts';
import { TTL_MS } from '../contracts/session-store/workshop.ts';

import { findings, LIMIT, NOTHING, openWorld } from './reconcile-world.ts';

for (const backend of ['sqlite', 'redis'] as const) {
  test(`${backend}: an upload that was settled, but not finished, is finished once`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    const session = await w.sealed(userId, 700);
    await w.sealed(userId, 50);
    await w.settle(session);
    const reconcile = w.reconciler();
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 1, finished: 1 });
    assert.equal((await w.store.find(session.sessionId))?.status, 'completed');
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 700, reservedBytes: 50 });
    assert.deepEqual(w.events, [`completed ${session.sessionId}`]);
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 1 });
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 700, reservedBytes: 50 });
  });

  test(`${backend}: a pass tells what all accounts have reserved, and how many sessions live`, async (t) => {
    const w = await openWorld(t, backend);
    for (const bytes of [700, 50]) await w.sealed(newUser(), bytes);
    assert.partialDeepStrictEqual(await w.reconciler()(), { reservedBytes: 750, activeSessions: 2 });
  });

  test(`${backend}: one settled in an earlier period is finished too, and counted in none here`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    await w.settle(await w.sealed(userId, 700));
    await w.ledger.resetPeriod(userId);
    assert.partialDeepStrictEqual(await w.reconciler()(), { finished: 1 });
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 0, reservedBytes: 0 });
  });

  test(`${backend}: accounts that drifted from the ledger are told of in bytes, and healed`, async (t) => {
    const w = await openWorld(t, backend);
    const [right, tooMuch, tooLittle] = [newUser(), newUser(), newUser()];
    for (const userId of [right, tooMuch, tooLittle]) {
      await w.complete(await w.sealed(userId, 300));
      // Reserved, and counted by the ledger already: that is no drift.
      await w.sealed(userId, 20);
    }
    await w.misread(tooMuch, 'used', 41);
    await w.misread(tooLittle, 'used', -100);
    await w.misread(tooLittle, 'limit', 5);
    const reconcile = w.reconciler();
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 3, drifted: 2, driftBytes: 141 });
    for (const userId of [right, tooMuch, tooLittle]) {
      const expected = { usedBytes: 300, reservedBytes: 20, limitBytes: LIMIT };
      assert.partialDeepStrictEqual(await w.accountBook.quota(userId), expected);
    }
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 3 });
  });

  test(`${backend}: while uploads finish, nothing seems to drift and nothing is counted wrongly`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    const reconcile = w.reconciler();
    let finishing = true;
    const finished = (async () => {
      for (let n = 0; n < 60; n += 1) await w.complete(await w.sealed(userId, 10));
      finishing = false;
    })();
    while (finishing) await reconcile();
    await finished;
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 600, reservedBytes: 0 });
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 1 });
  });

  test(`${backend}: bytes that are all there and that nobody completes are completed, with the second look`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    const session = await w.sealed(userId, 700);
    const reconcile = w.reconciler(async (found) => accepted(await w.complete(found)));
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 1 }, 'somebody may be at it');
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 1, completed: 1 });
    assert.equal((await w.store.find(session.sessionId))?.status, 'completed');
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 700, reservedBytes: 0 });
  });

  test(`${backend}: an upload that cannot be completed is told of, and keeps nobody else waiting`, async (t) => {
    const w = await openWorld(t, backend);
    const users = Array.from({ length: 10 }, newUser);
    const [stuck, ...others] = await Promise.all(users.map((userId) => w.sealed(userId, 700)));
    assert.ok(stuck);
    const fault = new SluiceError('STORAGE_UNAVAILABLE', 'the scanner is away');
    const finishStored = async (found: Session) => {
      if (found.sessionId === stuck.sessionId) throw fault;
      return accepted(await w.complete(found));
    };
    const store = w.storeOf(users.slice(0, 5), users.slice(5));
    const reconcile = w.reconciler(finishStored, { store });
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 10 });
    const told = { ...NOTHING, accounts: 10, stuck: [{ sessionId: stuck.sessionId, fault }] };
    assert.deepEqual(await findings(reconcile), { ...told, completed: others.length });
    assert.deepEqual(await findings(reconcile), told, 'it is tried again');
    assert.equal((await w.store.find(stuck.sessionId))?.status, 'active');
  });

  test(`${backend}: a pass that fails ends when nobody is at work any more, and forgets nothing that was seen`, async (t) => {
    const w = await openWorld(t, backend);
    const [unlucky, slow, late] = [newUser(), newUser(), newUser()];
    const sessions = { slow: await w.sealed(slow, 700), late: await w.sealed(late, 700) };
    const [begun, failed, goOn] = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    assert.ok(begun && failed && goOn);
    let away = false;
    const listed = w.storeOf([unlucky, slow], [late]);
    const store = {
      ...listed,
      async recount(userId: string) {
        if (!away || userId !== unlucky) return listed.recount(userId);
        await begun.promise;
        failed.resolve();
        throw new SluiceError('REDIS_CONNECTION_ERROR', 'away');
      },
    };
    const finishStored = async (found: Session) => {
      begun.resolve();
      await goOn.promise;
      return accepted(await w.complete(found));
    };
    const reconcile = w.reconciler(finishStored, { store });
    await reconcile();
    away = true;
    let ended = false;
    const pass = reconcile().finally(() => {
      ended = true;
    });
    const rejected = assert.rejects(pass, { code: 'REDIS_CONNECTION_ERROR' });
    await failed.promise;
    await setImmediate();
    assert.equal(ended, false, 'an upload is being completed');
    goOn.resolve();
    await rejected;
    assert.equal((await w.store.find(sessions.slow.sessionId))?.status, 'completed');
    assert.equal((await w.store.find(sessions.late.sessionId))?.status, 'active');
    away = false;
    assert.partialDeepStrictEqual(await reconcile(), { completed: 1 });
    assert.equal((await w.store.find(sessions.late.sessionId))?.status, 'completed');
  });

  test(`${backend}: an upload whose bytes are lost is given up, but not before its time`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    const [lost, unreadable] = [await w.sealed(userId, 700), await w.sealed(userId, 50)];
    const fault = (session: Session) =>
      new SluiceError('STORAGE_UNAVAILABLE', 'no bytes', {
        bytesAreLost: session.sessionId === lost.sessionId,
      });
    let ahead = 0;
    const reconcile = w.reconciler(
      async (session) => {
        throw fault(session);
      },
      { now: () => Date.now() + ahead },
    );
    await reconcile();
    assert.equal((await reconcile()).stuck.length, 2);
    assert.equal((await w.store.find(lost.sessionId))?.status, 'active');
    ahead = TTL_MS;
    assert.equal((await reconcile()).stuck.length, 2, 'it is told of');
    assert.equal((await w.store.find(lost.sessionId))?.status, 'expired');
    assert.equal((await w.store.find(unreadable.sessionId))?.status, 'active', 'its bytes may come back');
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 0, reservedBytes: 50 });
    assert.partialDeepStrictEqual(await reconcile(), { stuck: [{ sessionId: unreadable.sessionId }] });
  });

  test(`${backend}: a session that somebody voided, and did not live to end, is ended with the second look`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    const { sessionId } = await w.sealed(userId, 700);
    await w.ledger.voidSession(sessionId, userId);
    const reconcile = w.reconciler();
    await reconcile();
    assert.equal(
      (await w.store.find(sessionId))?.status,
      'active',
      'whoever voided it may be about to end it',
    );
    assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 1 });
    assert.equal((await w.store.find(sessionId))?.status, 'expired');
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 0, reservedBytes: 0 });
  });

  test(`${backend}: a voided session stays unfinished, and a lost ledger changes nothing`, async (t) => {
    const w = await openWorld(t, backend);
    const userId = newUser();
    const session = await w.sealed(userId, 700);
    await w.ledger.voidSession(session.sessionId, userId);
    assert.deepEqual(await findings(w.reconciler()), { ...NOTHING, accounts: 1 });
    assert.equal((await w.store.find(session.sessionId))?.status, 'active');
    w.ledger.close();
    await assert.rejects(w.reconciler()(), { code: 'LEDGER_UNAVAILABLE' });
    assert.equal((await w.store.read(userId)).kind, 'known');
  });
}

test('redis: reservations that do not add up are summed up again from the sessions', async (t) => {
  const w = await openWorld(t, 'redis');
  const [miscounted, leaking, empty] = [newUser(), newUser(), newUser()];
  for (const userId of [miscounted, leaking]) await w.sealed(userId, 100);
  await w.complete(await w.sealed(empty, 30));
  await w.misread(miscounted, 'reserved', 7);
  await w.misread(leaking, `r:${randomUUID()}`, 500);
  await w.misread(leaking, 'reserved', 500);
  await w.misread(empty, 'reserved', -11);
  const reconcile = w.reconciler();
  assert.deepEqual(await findings(reconcile), {
    ...NOTHING,
    accounts: 3,
    drifted: 3,
    driftBytes: 7 + 500 + 11,
  });
  for (const userId of [miscounted, leaking]) {
    assert.partialDeepStrictEqual(await w.accountBook.quota(userId), { usedBytes: 0, reservedBytes: 100 });
  }
  assert.partialDeepStrictEqual(await w.accountBook.quota(empty), { usedBytes: 30, reservedBytes: 0 });
  assert.deepEqual(await findings(reconcile), { ...NOTHING, accounts: 3 });
});
