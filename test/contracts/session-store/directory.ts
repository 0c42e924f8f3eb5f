import assert from 'node:assert/strict';
import type { SessionDirectory } from '../../../src/core/ports.ts';
import { newUser } from './harness.ts';
import { PERIOD_MS } from './ledger-model.ts';
import { type Promises, TTL_MS } from './workshop.ts';

/** `SessionDirectory`: who has live sessions, and what they hold. */
export function directoryContract(promise: Promises): void {
  promise(
    'whoever has a live session is listed once, in the same order, however small the pages',
    async (w) => {
      const users = await Promise.all(Array.from({ length: 30 }, () => w.user()));
      const [idle, ...reserving] = users;
      for (const userId of reserving) await w.open(userId, 10);
      await w.open(reserving[0] ?? '', 10);
      await w.sealed(reserving[1] ?? '', 10);

      const whole = await w.store.reservingUsers(null, 1000);
      assert.deepEqual([...whole].sort(), reserving.sort());
      assert.ok(!whole.includes(idle ?? ''));
      for (const size of [1, 7, 29, 30]) assert.deepEqual(await pagesOf(w.store, size), whole);
    },
  );

  promise('a place in the list stays good when its user is gone', async (w) => {
    const users = await Promise.all(Array.from({ length: 5 }, () => w.user()));
    const sessions = await Promise.all(users.map((userId) => w.open(userId, 10)));
    const whole = await w.store.reservingUsers(null, 10);
    const [first, second] = whole;
    const gone = sessions.find(({ userId }) => userId === second);
    await w.store.end(gone?.sessionId ?? '', { status: 'cancelled', failure: null });
    await w.store.forget(gone?.sessionId ?? '');
    const without = whole.filter((userId) => userId !== second);
    assert.deepEqual(await w.store.reservingUsers(null, 10), without);
    assert.deepEqual(await w.store.reservingUsers(second ?? '', 10), whole.slice(2));
    assert.deepEqual(await w.store.reservingUsers(first ?? '', 10), whole.slice(2));
  });

  promise('holdings are those of the live sessions, in the order in which users are given', async (w) => {
    const [two, sealed, none] = [await w.user(), await w.user(), await w.user()];
    await w.open(two, 100);
    await w.open(two, 50, { ttlMs: 60_000 });
    await w.complete(await w.sealed(sealed, 300));
    await w.sealed(sealed, 20);
    assert.deepEqual(await w.store.holdings([none, two, newUser(), sealed]), [
      { reservedBytes: 0, activeSessions: 0 },
      { reservedBytes: 150, activeSessions: 2 },
      { reservedBytes: 0, activeSessions: 0 },
      { reservedBytes: 20, activeSessions: 1 },
    ]);
    await w.advance(60_000);
    assert.deepEqual(await w.store.holdings([two]), [{ reservedBytes: 100, activeSessions: 1 }]);
    await w.advance(TTL_MS);
    assert.deepEqual(await w.store.holdings([two]), [{ reservedBytes: 0, activeSessions: 0 }]);
    assert.deepEqual(await w.store.holdings([]), []);
  });

  promise('holdings are known though the account is not', async (w) => {
    const userId = await w.user();
    await w.sealed(userId, 20);
    await w.advance(PERIOD_MS);
    assert.equal((await w.store.read(userId)).kind, 'need_account');
    assert.deepEqual(await w.store.holdings([userId]), [{ reservedBytes: 20, activeSessions: 1 }]);
    assert.equal((await w.store.read(userId)).kind, 'need_account');
  });
}

async function pagesOf(store: SessionDirectory, size: number): Promise<string[]> {
  const users: string[] = [];
  for (;;) {
    const page = await store.reservingUsers(users.at(-1) ?? null, size);
    users.push(...page);
    if (page.length < size) return users;
  }
}
