import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createAccountBook } from '../../src/core/account-book.ts';
import { accepted, SluiceError } from '../../src/core/errors.ts';
import { createReconcile, type Reconcile, type ReconcileDeps } from '../../src/core/reconcile.ts';
import type { Session } from '../../src/core/session.ts';
import { createSqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { createSqliteSessionStore } from '../../src/stores/sqlite/sessions.ts';
import { newUser, shardOf } from '../contracts/session-store/harness.ts';
import { PATIENT_MS, redisHarness } from '../contracts/session-store/redis-harness.ts';
import { admissionOf, admitted, committed, taken } from '../contracts/session-store/workshop.ts';
import { sharedRedisPort } from '../helpers/redis.ts';

const LIMIT = 10_000;
const clock = { now: () => Date.now() };

/** A session store and a ledger, and hands that reach into the store behind its back. */
async function openWorld(t: TestContext, backend: 'redis' | 'sqlite') {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-reconcile-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'ledger.db');
  const ledger = createSqliteLedger({ file, clock, defaultLimitBytes: LIMIT, periodMs: 86_400_000 });
  t.after(() => ledger.close());
  const { store, misread } = backend === 'redis' ? await openRedis(t) : openSqlite(t, folder);
  const accountBook = createAccountBook({ store, ledger });
  const events: string[] = [];

  async function settle({ sessionId, userId, uploadOffset, createdAt }: Session) {
    const settlement = await ledger.settle({
      ...{ sessionId, userId, createdAt, bytes: uploadOffset, format: 'mp4', sha256: 'ab'.repeat(32) },
      ...{ storageKey: sessionId, filename: null, dashboardContext: '{}' },
    });
    if (settlement.kind !== 'settled') assert.fail('the session is voided');
    return settlement.completion;
  }

  return {
    store,
    ledger,
    accountBook,
    misread,
    events,
    settle,
    /** All bytes stored, about to be verified: the moment before the ledger decides. */
    async sealed(userId: string, bytes: number): Promise<Session> {
      const admission = admissionOf(userId, bytes);
      const { sessionId } = admitted(await accountBook.withAccount(userId, () => store.admit(admission)));
      const { epoch } = taken(await store.take(sessionId, 'a'));
      return committed(await store.commit(sessionId, epoch, { offset: bytes, seal: true }));
    },
    async complete(session: Session): Promise<Session> {
      const finished = await store.finish(session.sessionId, await settle(session));
      assert.ok(finished);
      return finished;
    },
    reconciler: (
      finishStored: ReconcileDeps['finishStored'] = async (session) => accepted(session),
      changes: Partial<ReconcileDeps> = {},
    ) =>
      createReconcile({
        store,
        ledger,
        finishStored,
        events: { emit: ({ type, sessionId }) => events.push(`${type} ${sessionId}`) },
        ...changes,
      }),
    /** The store, which knows of these users alone, one batch after the other. */
    storeOf: (...batches: readonly (readonly string[])[]) => ({
      ...store,
      async *knownAccounts() {
        yield* batches;
      },
    }),
  };
}

async function openRedis(t: TestContext) {
  const harness = await redisHarness(sharedRedisPort(), PATIENT_MS);
  t.after(() => harness.close());
  const { redis, prefix, bare } = harness;
  return {
    store: bare,
    /** `used`, `limit` or, in Redis, `reserved` of the user's account is by so many bytes too high. */
    async misread(userId: string, field: string, by: number) {
      await redis.hincrby(`${prefix}:{${shardOf(userId)}}:u:${userId}`, field, by);
    },
  };
}

function openSqlite(t: TestContext, folder: string) {
  const file = join(folder, 'sessions.db');
  const store = createSqliteSessionStore({ file, clock });
  t.after(() => store.close());
  return {
    store,
    async misread(userId: string, field: string, by: number) {
      const db = new DatabaseSync(file, { timeout: 1000 });
      const column = `${field}_bytes`;
      db.prepare(`UPDATE cached_accounts SET ${column} = ${column} + ? WHERE user_id = ?`).run(by, userId);
      db.close();
    },
  };
}

const NOTHING = { drifted: 0, driftBytes: 0, finished: 0, completed: 0, stuck: [] };

/** What a pass found wrong; how much all have reserved is another test's affair. */
async function findings(reconcile: Reconcile) {
  const { reservedBytes: _reserved, activeSessions: _active, ...found } = await reconcile();
  return found;
}

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
