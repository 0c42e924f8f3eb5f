import assert from 'node:assert/strict';
import { committed, type Promises, TTL_MS, taken } from './workshop.ts';

export function growingContract(promise: Promises): void {
  promise('a reservation grows as far as the quota allows', async (w) => {
    const userId = await w.user(1000);
    const session = await w.open(userId, 400, { draft: { ...w.draft, expectedFileSize: null } });
    await w.open(userId, 100);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const grown = committed(await w.store.commit(session.sessionId, epoch, { offset: 400, reserve: 900 }));
    assert.equal(grown.reservedBytes, 900);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
    const refused = await w.store.commit(session.sessionId, epoch, { offset: 500, reserve: 901 });
    assert.ok(refused.kind === 'quota_exceeded');
    assert.equal(refused.quota.reservedBytes, 1000);
    assert.ok(refused.retryAt > refused.now);
    assert.deepEqual(await w.store.find(session.sessionId), grown);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise('a reservation that cannot grow waits for others to end, not for itself', async (w) => {
    const userId = await w.user(1000);
    const session = await w.open(userId, 400);
    await w.advance(60_000);
    const other = await w.open(userId, 600);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const refused = await w.store.commit(session.sessionId, epoch, { offset: 400, reserve: 401 });
    assert.ok(refused.kind === 'quota_exceeded');
    assert.equal(refused.retryAt, other.expiresAt);
  });

  promise('a reservation does not grow on an account that a newer period has made worthless', async (w) => {
    const userId = await w.user(1000);
    const sealed = await w.sealed(userId, 600);
    const session = await w.open(userId, 400);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    w.ledger.resetPeriod(userId, await w.now());
    await w.complete(sealed);
    await w.store.commit(session.sessionId, epoch, { offset: 400, reserve: 1000 });
    const { usedBytes, reservedBytes } = await w.quota(userId);
    assert.equal(usedBytes, 600);
    assert.ok(usedBytes + reservedBytes <= 1000, `${usedBytes} used and ${reservedBytes} reserved of 1000`);
  });

  promise('a reservation shrinks, but never below the bytes stored', async (w) => {
    const userId = await w.user(1000);
    const session = await w.open(userId, null);
    assert.equal(session.reservedBytes, 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const shrunk = committed(await w.store.commit(session.sessionId, epoch, { offset: 300, reserve: 600 }));
    assert.equal(shrunk.reservedBytes, 600);
    assert.equal((await w.quota(userId)).reservedBytes, 600);
    const least = committed(await w.store.commit(session.sessionId, epoch, { offset: 400, reserve: 0 }));
    assert.equal(least.reservedBytes, 400);
    assert.equal((await w.quota(userId)).reservedBytes, 400);
    await w.store.end(session.sessionId, { status: 'cancelled', failure: null });
    assert.equal((await w.quota(userId)).reservedBytes, 0);
  });

  promise('of many reservations that grow at once, exactly those that fit do', async (w) => {
    const userId = await w.user(20 * 10 + 3 * 100 + 99);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => w.open(userId, 10)));
    const results = await Promise.all(
      sessions.map(async ({ sessionId }) => {
        const { epoch } = taken(await w.store.take(sessionId, 'a'));
        return w.store.commit(sessionId, epoch, { offset: 10, reserve: 110 });
      }),
    );
    assert.equal(results.filter(({ kind }) => kind === 'committed').length, 3);
    assert.equal(results.filter(({ kind }) => kind === 'quota_exceeded').length, 17);
    assert.equal((await w.quota(userId)).reservedBytes, 500);
  });

  promise('what expired makes room for a reservation that grows', async (w) => {
    const userId = await w.user(1000);
    await w.open(userId, 600);
    await w.advance(TTL_MS / 2);
    const session = await w.open(userId, 400);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    await w.advance(TTL_MS / 2);
    const grown = await w.store.commit(session.sessionId, epoch, { offset: 400, reserve: 1000 });
    assert.equal(committed(grown).reservedBytes, 1000);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });
}
