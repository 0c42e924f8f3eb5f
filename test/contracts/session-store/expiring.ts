import assert from 'node:assert/strict';
import { type Promises, TTL_MS } from './workshop.ts';

const CANCEL = { status: 'cancelled', failure: null } as const;
const HOUR_MS = 3_600_000;

export function expiringContract(promise: Promises): void {
  promise('sessions of many users whose time is over end at once, each named to one caller', async (w) => {
    const users = await Promise.all(Array.from({ length: 7 }, () => w.user()));
    const ids: string[] = [];
    for (const userId of users) {
      for (let n = 0; n < 9; n += 1) ids.push((await w.open(userId, 10)).sessionId);
    }
    const live = await w.open(users[0] ?? '', 7, { ttlMs: 2 * TTL_MS });
    await w.advance(TTL_MS);
    const named = await Promise.all([w.store.expire(ids), w.store.expire(ids)]);
    assert.deepEqual(named.flatMap((some) => [...some]).sort(), [...ids].sort());
    for (const [n, userId] of users.entries()) {
      assert.equal((await w.quota(userId)).reservedBytes, n === 0 ? 7 : 0);
    }
    assert.partialDeepStrictEqual(await w.store.find(ids[0] ?? ''), { status: 'expired', epoch: 1 });
    assert.equal((await w.store.due(100)).length, ids.length, 'their bytes still have to go');
    await w.store.forget(...ids);
    assert.deepEqual(await w.store.due(100), []);
    assert.partialDeepStrictEqual(await w.store.find(live.sessionId), { status: 'active', epoch: 0 });
  });

  promise('what is live, sealed, ended or unknown is not expired, whoever asks', async (w) => {
    const userId = await w.user();
    const cancelled = await w.open(userId, 10);
    await w.store.end(cancelled.sessionId, CANCEL);
    const sealed = await w.sealed(userId, 10);
    const finishing = await w.sealed(userId, 10);
    await w.advance(TTL_MS);
    const completed = await w.complete(finishing);
    const live = await w.open(userId, 10);
    const ids = [cancelled, sealed, completed, live].map(({ sessionId }) => sessionId);
    const unknown = `${live.sessionId.slice(0, -4)}0000`;
    assert.deepEqual(await w.store.expire([...ids, unknown]), new Set());
    const statuses = await Promise.all(ids.map(async (id) => (await w.store.find(id))?.status));
    assert.deepEqual(statuses, ['cancelled', 'active', 'completed', 'active']);
    assert.equal((await w.quota(userId)).reservedBytes, 20);
    assert.deepEqual(await w.store.expire([]), new Set());
  });

  promise('a session that expired with others is over for its writer, and answers for an hour', async (w) => {
    const userId = await w.user();
    const { sessionId } = await w.open(userId, 1000);
    await w.store.take(sessionId, 'a');
    await w.store.commit(sessionId, 1, { offset: 10, storage: 'over there', reserve: 2000 });
    await w.advance(2 * TTL_MS);
    assert.deepEqual(await w.store.expire([sessionId]), new Set([sessionId]));
    assert.equal((await w.store.commit(sessionId, 1, { offset: 20 })).kind, 'ended');
    assert.equal((await w.store.end(sessionId, { status: 'expired', failure: null })).kind, 'already');
    const expected = { status: 'expired', epoch: 2, storage: 'over there', reservedBytes: 0 };
    assert.partialDeepStrictEqual((await w.store.due(10))[0], expected);
    assert.equal((await w.quota(userId)).reservedBytes, 0);
    await w.store.forget(sessionId);
    await w.advance(HOUR_MS - 10_000);
    assert.equal((await w.store.find(sessionId))?.status, 'expired');
    await w.advance(20_000);
    assert.equal(await w.store.find(sessionId), null);
    assert.deepEqual((await w.keysWithoutTtl?.()) ?? [], []);
  });

  promise('sessions that are forgotten together, some too early, leave the others alone', async (w) => {
    const userId = await w.user();
    const [expired, later] = [await w.open(userId, 10), await w.open(userId, 10, { ttlMs: 2 * TTL_MS })];
    const other = await w.open(await w.user(), 10);
    await w.advance(TTL_MS);
    await w.store.forget(...[expired, later, other].map(({ sessionId }) => sessionId));
    assert.deepEqual(await w.store.due(10), []);
    assert.equal((await w.store.find(later.sessionId))?.status, 'active');
    assert.equal((await w.quota(userId)).reservedBytes, 10);
    assert.equal((await w.quota(other.userId)).reservedBytes, 0);
  });
}
