import assert from 'node:assert/strict';
import { newUser } from './harness.ts';
import { PERIOD_MS } from './ledger-model.ts';
import { admissionOf, type Promises, TTL_MS } from './workshop.ts';

const CANCEL = { status: 'cancelled', failure: null } as const;

export function accountsContract(promise: Promises): void {
  promise('a user never seen needs his account, and has it once it is loaded', async (w) => {
    const userId = newUser();
    assert.partialDeepStrictEqual(await w.store.read(userId), { kind: 'need_account', sealed: [] });
    assert.partialDeepStrictEqual(await w.store.admit(admissionOf(userId, 1)), {
      kind: 'need_account',
      sealed: [],
    });
    const { account } = w.ledger.account(userId, [], await w.now());
    assert.deepEqual(await w.store.load(account, [], []), { kind: 'loaded' });
    assert.deepEqual(await w.store.read(userId), {
      kind: 'known',
      sealed: [],
      quota: {
        limitBytes: account.limitBytes,
        usedBytes: 0,
        reservedBytes: 0,
        activeSessions: 0,
        resetAt: account.periodEnd,
      },
    });
    assert.equal((await w.store.admit(admissionOf(userId, 1))).kind, 'admitted');
  });

  promise(
    'every user of whom something is kept is known, and sums that are right stay as they are',
    async (w) => {
      const users = await Promise.all(Array.from({ length: 40 }, () => w.user()));
      const [reserving, sealing] = users;
      if (!reserving || !sealing) throw new Error('there are users');
      await w.open(reserving, 100);
      await w.sealed(sealing, 200);
      await w.open(sealing, 30);
      const known = new Set<string>();
      for await (const batch of w.store.knownAccounts()) for (const userId of batch) known.add(userId);
      assert.deepEqual([...known].sort(), [...users].sort());
      for (const userId of [reserving, sealing, newUser()]) assert.equal(await w.store.recount(userId), null);
      assert.equal((await w.quota(sealing)).reservedBytes, 230);
    },
  );

  promise('every user is told of once, however many there are', async (w) => {
    const users = await Promise.all(Array.from({ length: 300 }, () => w.user()));
    await Promise.all(users.map((userId) => w.open(userId, 100)));
    const told: string[] = [];
    for await (const batch of w.store.knownAccounts()) told.push(...batch);
    assert.deepEqual(told.sort(), [...users].sort());
  });

  promise('an older version of the account changes nothing, the same one does no harm', async (w) => {
    const userId = await w.user(9000);
    const old = w.ledger.account(userId, [], await w.now()).account;
    w.ledger.setLimit(userId, 4000, await w.now());
    await w.load(userId);
    assert.equal((await w.store.load(old, [], [])).kind, 'need_account');
    assert.equal((await w.quota(userId)).limitBytes, 4000);
    await w.open(userId, 1000);
    const same = w.ledger.account(userId, [], await w.now()).account;
    assert.equal((await w.store.load(same, [], [])).kind, 'loaded');
    assert.partialDeepStrictEqual(await w.quota(userId), {
      limitBytes: 4000,
      reservedBytes: 1000,
      activeSessions: 1,
    });
  });

  promise('a limit below what is taken admits nothing and ends nothing', async (w) => {
    const userId = await w.user(5000);
    await w.complete(await w.sealed(userId, 2000));
    const session = await w.open(userId, 2000);
    w.ledger.setLimit(userId, 100, await w.now());
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), {
      limitBytes: 100,
      usedBytes: 2000,
      reservedBytes: 2000,
    });
    assert.equal((await w.admit(userId, 1)).kind, 'quota_exceeded');
    assert.equal((await w.admit(userId, null)).kind, 'quota_exceeded');
    assert.equal((await w.store.find(session.sessionId))?.status, 'active');
    assert.equal((await w.store.take(session.sessionId, 'a')).kind, 'taken');
    w.ledger.setLimit(userId, 4001, await w.now());
    await w.load(userId);
    await w.open(userId, 1);
    assert.equal((await w.admit(userId, 1)).kind, 'quota_exceeded');
  });

  promise('a limit of zero admits nothing', async (w) => {
    const userId = await w.user(0);
    assert.partialDeepStrictEqual(await w.admit(userId, 1), {
      kind: 'quota_exceeded',
      quota: { limitBytes: 0 },
    });
    assert.equal((await w.admit(userId, null)).kind, 'quota_exceeded');
  });

  promise(
    'once the period is over the account is needed anew; reservations go on into the next',
    async (w) => {
      const userId = await w.user(3000);
      await w.complete(await w.sealed(userId, 2000));
      const { resetAt } = await w.quota(userId);
      await w.advance(resetAt - (await w.now()) - 60_000);
      const session = await w.open(userId, 1000);
      assert.equal((await w.store.read(userId)).kind, 'known');
      await w.advance(60_000);
      assert.equal((await w.store.read(userId)).kind, 'need_account');
      assert.equal((await w.store.admit(admissionOf(userId, 1))).kind, 'need_account');
      await w.load(userId);
      assert.deepEqual(await w.quota(userId), {
        limitBytes: 3000,
        usedBytes: 0,
        reservedBytes: 1000,
        activeSessions: 1,
        resetAt: resetAt + PERIOD_MS,
      });
      assert.equal((await w.store.find(session.sessionId))?.status, 'active');
    },
  );

  promise('an upload counted in the period before uses nothing of this one', async (w) => {
    const userId = await w.user(3000);
    const sealed = await w.sealed(userId, 1000);
    const completion = w.ledger.settle(sealed.sessionId, userId, 1000, await w.now());
    assert.ok(completion);
    w.ledger.resetPeriod(userId, await w.now());
    await w.load(userId);
    await w.store.finish(sealed.sessionId, completion);
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 0, reservedBytes: 0 });
  });

  promise(
    'an upload counted in a newer period than is known here makes the account be loaded anew',
    async (w) => {
      const userId = await w.user(3000);
      await w.complete(await w.sealed(userId, 500));
      const sealed = await w.sealed(userId, 1000);
      w.ledger.resetPeriod(userId, await w.now());
      await w.complete(sealed);
      assert.equal((await w.store.admit(admissionOf(userId, 1))).kind, 'need_account');
      assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
    },
  );

  promise('sessions that may stand in the ledger already are named', async (w) => {
    const userId = await w.user();
    const [one, two] = [await w.sealed(userId, 1000), await w.sealed(userId, 1000)];
    await w.open(userId, 1000);
    const named = async () => [...(await w.store.read(userId)).sealed].sort();
    assert.deepEqual(await named(), [one.sessionId, two.sessionId].sort());
    await w.complete(one);
    assert.deepEqual(await named(), [two.sessionId]);
    await w.advance(2 * TTL_MS);
    assert.deepEqual(await named(), [two.sessionId]);
    await w.advance(PERIOD_MS);
    const needed = await w.store.admit(admissionOf(userId, 1));
    assert.partialDeepStrictEqual(needed, { kind: 'need_account', sealed: [two.sessionId] });
  });

  promise('bytes the ledger counts and a reservation still holds are counted once', async (w) => {
    const userId = await w.user(3000);
    const sealed = await w.sealed(userId, 1000);
    w.ledger.settle(sealed.sessionId, userId, 1000, await w.now());
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 0, reservedBytes: 1000 });
    await w.load(userId);
    await w.complete(sealed);
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
  });

  promise('an account read before a session was sealed is not taken', async (w) => {
    const userId = await w.user(3000);
    const { account, settled } = w.ledger.account(userId, [], await w.now());
    const sealed = await w.sealed(userId, 1000);
    assert.partialDeepStrictEqual(await w.store.load(account, [], settled), {
      kind: 'need_account',
      sealed: [sealed.sessionId],
    });
    await w.load(userId);
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 0, reservedBytes: 1000 });
  });

  promise('an account read before a session was finished is not taken', async (w) => {
    const userId = await w.user(3000);
    const sealed = await w.sealed(userId, 1000);
    const asked = [sealed.sessionId];
    const { account, settled } = w.ledger.account(userId, asked, await w.now());
    await w.complete(sealed);
    assert.equal((await w.store.load(account, asked, settled)).kind, 'need_account');
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
  });

  promise(
    'a session settled before the account was read and finished before it is loaded counts once',
    async (w) => {
      const userId = await w.user(3000);
      const sealed = await w.sealed(userId, 1000);
      const completion = w.ledger.settle(sealed.sessionId, userId, 1000, await w.now());
      assert.ok(completion);
      const asked = [sealed.sessionId];
      const { account, settled } = w.ledger.account(userId, asked, await w.now());
      assert.deepEqual(settled, [{ sessionId: sealed.sessionId, bytes: 1000 }]);
      await w.store.finish(sealed.sessionId, completion);
      assert.equal((await w.store.load(account, asked, settled)).kind, 'loaded');
      assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
    },
  );

  promise('live sessions are listed newest first, and only the live ones of this user', async (w) => {
    const userId = await w.user();
    assert.deepEqual(await w.store.liveSessions(userId), []);
    const expired = await w.open(userId, 10, { ttlMs: 60_000 });
    await w.advance(1000);
    const oldest = await w.open(userId, 10);
    await w.advance(1000);
    const cancelled = await w.open(userId, 10);
    const sealed = await w.sealed(userId, 10);
    await w.complete(await w.sealed(userId, 10));
    await w.advance(1000);
    const newest = await w.open(userId, 10);
    await w.open(await w.user(), 10);
    await w.store.end(cancelled.sessionId, CANCEL);
    await w.advance(60_000);
    assert.equal((await w.store.find(expired.sessionId))?.status, 'expired');
    const live = await w.store.liveSessions(userId);
    assert.deepEqual(
      live.map(({ sessionId }) => sessionId),
      [newest.sessionId, sealed.sessionId, oldest.sessionId],
    );
    assert.deepEqual(live[0], newest);
  });
}
