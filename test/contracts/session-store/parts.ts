import assert from 'node:assert/strict';
import type { Part } from '../../../src/core/ports.ts';
import { newUser } from './harness.ts';
import { committed, type Promises, taken } from './workshop.ts';

function part(index: number, etag = `"${index}-of it"`): Part {
  return { index, number: index + 1, bytes: 10, etag };
}

export function partsContract(promise: Promises): void {
  promise('parts stay with the session in order, the newest of each index', async (w) => {
    const { sessionId } = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(sessionId, 'a'));
    assert.deepEqual(await w.store.parts(sessionId), []);
    await w.store.commit(sessionId, epoch, { offset: 20, parts: [part(1), part(0)] });
    await w.store.commit(sessionId, epoch, { offset: 110, parts: [part(10), part(2), part(1, '"new"')] });
    assert.deepEqual(await w.store.parts(sessionId), [part(0), part(1, '"new"'), part(2), part(10)]);
    assert.deepEqual(await w.store.parts(newUser()), []);
  });

  promise('a commit that is refused tells of no part', async (w) => {
    const { sessionId } = await w.open(await w.user(2000), 1000);
    const { epoch } = taken(await w.store.take(sessionId, 'a'));
    const tooMuch = { offset: 10, reserve: 1_000_000, parts: [part(0)] };
    assert.equal((await w.store.commit(sessionId, epoch, tooMuch)).kind, 'quota_exceeded');
    assert.equal(
      (await w.store.commit(sessionId, epoch - 1, { offset: 10, parts: [part(0)] })).kind,
      'fenced',
    );
    assert.deepEqual(await w.store.parts(sessionId), []);
  });

  promise('an upload that begins anew has only the parts told with that', async (w) => {
    const { sessionId } = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(sessionId, 'a'));
    await w.store.commit(sessionId, epoch, { offset: 20, parts: [part(0), part(1)] });
    await w.store.commit(sessionId, epoch, { offset: 10, restart: true, parts: [part(0, '"other"')] });
    assert.deepEqual(await w.store.parts(sessionId), [part(0, '"other"')]);
    await w.store.commit(sessionId, epoch, { offset: 0, restart: true });
    assert.deepEqual(await w.store.parts(sessionId), []);
  });

  promise('ten thousand parts come back, and go with their session', async (w) => {
    const userId = await w.user();
    const { sessionId } = await w.open(userId, 1000);
    const { epoch } = taken(await w.store.take(sessionId, 'a'));
    const parts = Array.from({ length: 10_000 }, (_, index) => part(index));
    committed(await w.store.commit(sessionId, epoch, { offset: 1000, parts, seal: true }));
    assert.deepEqual(await w.store.parts(sessionId), parts);
    const sealed = await w.store.find(sessionId);
    assert.ok(sealed);
    await w.complete(sealed);
    const { sessionId: cancelled } = await w.open(userId, 1000);
    await w.store.commit(cancelled, taken(await w.store.take(cancelled, 'a')).epoch, {
      offset: 10,
      parts: [part(0)],
    });
    await w.store.end(cancelled, { status: 'cancelled', failure: null });
    await w.store.forget(cancelled);
    assert.deepEqual(
      (await w.keysWithoutTtl?.())?.filter((key) => key.includes(sessionId) || key.includes(cancelled)) ?? [],
      [],
    );
  });
}
