import assert from 'node:assert/strict';
import type { Progress } from '../../../src/core/ports.ts';
import { committed, type Promises, TTL_MS, taken } from './workshop.ts';

export function writersContract(promise: Promises): void {
  promise('to take a session raises its epoch by one and changes neither offset nor expiry', async (w) => {
    const session = await w.open(await w.user(), 1000);
    await w.advance(1000);
    const first = await w.store.take(session.sessionId, 'one');
    assert.ok(first.kind === 'taken');
    assert.equal(first.previousWriter, null);
    assert.deepEqual(first.session, { ...session, epoch: 1, writer: 'one' });
    const second = await w.store.take(session.sessionId, 'two');
    assert.ok(second.kind === 'taken');
    assert.equal(second.previousWriter, 'one');
    assert.deepEqual(second.session, { ...session, epoch: 2, writer: 'two' });
  });

  promise('each of many takers at once gets an epoch of its own', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => w.store.take(session.sessionId, `${i}`)),
    );
    const epochs = new Set(results.map((result) => taken(result).epoch));
    assert.deepEqual(
      [...epochs].sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  promise('a growing offset renews the expiry, up to the maximum lifetime', async (w) => {
    const session = await w.open(await w.user(), 1000, { maxLifetimeMs: 2 * TTL_MS });
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    await w.advance(TTL_MS - 60_000);
    const before = await w.now();
    const grown = committed(await w.store.commit(session.sessionId, epoch, { offset: 1 }));
    assert.equal(grown.uploadOffset, 1);
    assert.ok(grown.expiresAt >= before + TTL_MS && grown.expiresAt <= (await w.now()) + TTL_MS);
    await w.advance(TTL_MS - 60_000);
    const capped = committed(await w.store.commit(session.sessionId, epoch, { offset: 2 }));
    assert.equal(capped.expiresAt, session.createdAt + 2 * TTL_MS);
    await w.advance(capped.expiresAt - (await w.now()) - 10_000);
    assert.equal((await w.store.find(session.sessionId))?.status, 'active');
    await w.advance(10_000);
    assert.equal((await w.store.find(session.sessionId))?.status, 'expired');
  });

  promise('without a new byte the expiry stays', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const grown = committed(await w.store.commit(session.sessionId, epoch, { offset: 5 }));
    await w.advance(60_000);
    const same = committed(await w.store.commit(session.sessionId, epoch, { offset: 5, storage: 'x' }));
    assert.equal(same.expiresAt, grown.expiresAt);
  });

  promise('a renewed session keeps its reservation past its first expiry', async (w) => {
    const userId = await w.user(1000);
    const session = await w.open(userId, 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    await w.advance(TTL_MS - 60_000);
    await w.store.commit(session.sessionId, epoch, { offset: 1 });
    await w.advance(120_000);
    assert.equal((await w.admit(userId, 1)).kind, 'quota_exceeded');
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
    assert.deepEqual(await w.store.due(10), []);
  });

  promise('a writer that was overtaken commits nothing', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const old = taken(await w.store.take(session.sessionId, 'old'));
    await w.store.commit(session.sessionId, old.epoch, { offset: 10, storage: 'first' });
    const newest = taken(await w.store.take(session.sessionId, 'new'));
    for (const progress of [
      { offset: 20 },
      { offset: 10, seal: true },
      { offset: 0, restart: true, storage: 'x' },
    ]) {
      assert.deepEqual(await w.store.commit(session.sessionId, old.epoch, progress), { kind: 'fenced' });
    }
    assert.deepEqual(await w.store.find(session.sessionId), newest);
    assert.equal(newest.uploadOffset, 10);
    assert.deepEqual(await w.store.commit(session.sessionId, newest.epoch + 1, { offset: 20 }), {
      kind: 'fenced',
    });
  });

  promise('a commit that is repeated, or comes late, takes nothing back', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const first = committed(await w.store.commit(session.sessionId, epoch, { offset: 10 }));
    assert.deepEqual(committed(await w.store.commit(session.sessionId, epoch, { offset: 10 })), first);
    await w.store.commit(session.sessionId, epoch, { offset: 30 });
    await w.store.commit(session.sessionId, epoch, { offset: 10 });
    assert.equal((await w.store.find(session.sessionId))?.uploadOffset, 30);
  });

  promise('an upload that begins anew may fall back', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    await w.store.commit(session.sessionId, epoch, { offset: 500, storage: 'old' });
    const restarted = committed(
      await w.store.commit(session.sessionId, epoch, { offset: 20, restart: true, storage: 'new' }),
    );
    assert.equal(restarted.uploadOffset, 20);
    assert.equal(restarted.storage, 'new');
    assert.equal(restarted.reservedBytes, 1000);
  });

  promise('a digest that comes with the seal is kept, unless another was declared before', async (w) => {
    const userId = await w.user();
    const [late, early] = ['a'.repeat(64), 'b'.repeat(64)];
    for (const declared of [null, early]) {
      const { sessionId } = await w.open(userId, 10, { draft: { ...w.draft, sha256: declared } });
      const { epoch } = taken(await w.store.take(sessionId, 'a'));
      await w.store.commit(sessionId, epoch, { offset: 5, sha256: late });
      assert.equal((await w.store.find(sessionId))?.sha256, declared);
      const sealed = committed(
        await w.store.commit(sessionId, epoch, { offset: 10, seal: true, sha256: late }),
      );
      assert.equal(sealed.sha256, declared ?? late);
      assert.deepEqual(await w.store.find(sessionId), sealed);
    }
  });

  promise('length is set once; storage and recognised format are kept as given', async (w) => {
    const session = await w.open(await w.user(), null);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const storage = JSON.stringify({ parts: Array.from({ length: 30 }, (_, i) => `"etag ${i}"`) });
    const first = committed(
      await w.store.commit(session.sessionId, epoch, {
        offset: 1,
        length: 77,
        storage,
        detectedFormat: 'mkv',
      }),
    );
    assert.partialDeepStrictEqual(first, { uploadLength: 77, storage, detectedFormat: 'mkv' });
    const second = committed(await w.store.commit(session.sessionId, epoch, { offset: 2, length: 99 }));
    assert.partialDeepStrictEqual(second, {
      uploadLength: 77,
      storage,
      detectedFormat: 'mkv',
      uploadOffset: 2,
    });
  });

  promise(
    'an upload that begins anew may have another length, but never another than declared',
    async (w) => {
      const userId = await w.user();
      const [open, declared] = [await w.open(userId, null), await w.open(userId, 1000)];
      for (const { sessionId } of [open, declared]) {
        await w.store.take(sessionId, 'a');
        await w.store.commit(sessionId, 1, { offset: 5, length: 77 });
      }
      const lengths = async (progress: Progress) => {
        const first = committed(await w.store.commit(open.sessionId, 1, progress));
        const second = committed(await w.store.commit(declared.sessionId, 1, progress));
        return [first.uploadLength, second.uploadLength];
      };
      assert.deepEqual(await lengths({ offset: 0, restart: true, length: 99 }), [99, 1000]);
      assert.deepEqual(await lengths({ offset: 0, restart: true }), [null, 1000]);
    },
  );

  promise('a declared size is a length that was set', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    const after = committed(await w.store.commit(session.sessionId, epoch, { offset: 1, length: 99 }));
    assert.equal(after.uploadLength, 1000);
  });

  promise('sealed bytes never change again, whoever is the writer', async (w) => {
    const sealed = await w.sealed(await w.user(), 1000);
    assert.equal(sealed.sealed, true);
    assert.equal(sealed.status, 'active');
    assert.equal(
      (await w.store.commit(sealed.sessionId, sealed.epoch, { offset: 1000, seal: true })).kind,
      'committed',
    );
    const { epoch } = taken(await w.store.take(sealed.sessionId, 'b'));
    for (const progress of [
      { offset: 1001 },
      { offset: 0, restart: true },
      { offset: 5, restart: true, seal: true },
    ]) {
      assert.deepEqual(await w.store.commit(sealed.sessionId, epoch, progress), { kind: 'fenced' });
    }
    const now = await w.store.find(sealed.sessionId);
    assert.deepEqual(now, { ...sealed, epoch, writer: 'b' });
  });

  promise('a sealed session does not expire by time alone', async (w) => {
    const userId = await w.user(1000);
    const sealed = await w.sealed(userId, 1000);
    await w.advance(3 * TTL_MS);
    assert.partialDeepStrictEqual(await w.store.find(sealed.sessionId), {
      status: 'active',
      reservedBytes: 1000,
      uploadOffset: 1000,
    });
    assert.equal((await w.admit(userId, 1)).kind, 'quota_exceeded');
    const quota = await w.quota(userId);
    assert.equal(quota.reservedBytes, 1000);
    assert.equal(quota.activeSessions, 1);
    assert.deepEqual(await w.store.find(sealed.sessionId), sealed, 'nothing that was declared is forgotten');
    assert.equal((await w.store.take(sealed.sessionId, 'b')).kind, 'taken');
  });

  promise('an expired session is over for takers and writers', async (w) => {
    const session = await w.open(await w.user(), 1000);
    const { epoch } = taken(await w.store.take(session.sessionId, 'a'));
    await w.store.commit(session.sessionId, epoch, { offset: 10 });
    await w.advance(2 * TTL_MS);
    const take = await w.store.take(session.sessionId, 'b');
    assert.ok(take.kind === 'ended');
    assert.equal(take.session.status, 'expired');
    const commit = await w.store.commit(session.sessionId, epoch, { offset: 20 });
    assert.ok(commit.kind === 'ended');
    assert.partialDeepStrictEqual(await w.store.find(session.sessionId), {
      status: 'expired',
      uploadOffset: 10,
      reservedBytes: 0,
      epoch,
    });
  });
}
