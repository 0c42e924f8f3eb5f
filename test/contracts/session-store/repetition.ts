import assert from 'node:assert/strict';
import type { Admission } from '../../../src/core/ports.ts';
import { sessionIdFor } from './harness.ts';
import { admissionOf, admitted, type Promises, TTL_MS } from './workshop.ts';

const KEY = { idempotency: { key: 'the client chose this', fingerprint: 'of the body' } };
const OTHER_BODY = { idempotency: { key: 'the client chose this', fingerprint: 'of another body' } };

/** Replies get lost, so clients and the service itself ask again: admission must recognise it. */
export function repetitionContract(promise: Promises): void {
  promise('admitting the same session id again gives the same session and reserves nothing', async (w) => {
    const userId = await w.user();
    const admission = admissionOf(userId, 1000);
    const first = admitted(await w.store.admit(admission));
    const again = await w.store.admit(admission);
    assert.ok(again.kind === 'admitted' && again.replayed);
    assert.deepEqual(again.session, first);
    assert.equal(again.quota.reservedBytes, 1000);
    assert.equal(again.quota.activeSessions, 1);
  });

  promise('the same session id 20 times at once is one session', async (w) => {
    const userId = await w.user();
    const admission = admissionOf(userId, 1000);
    const results = await Promise.all(Array.from({ length: 20 }, () => w.store.admit(admission)));
    const fresh = results.filter((result) => result.kind === 'admitted' && !result.replayed);
    assert.equal(fresh.length, 1);
    assert.equal(results.filter(({ kind }) => kind === 'admitted').length, 20);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise('the same idempotency key gives the same session, as it is by now', async (w) => {
    const userId = await w.user(1500);
    const first = await w.open(userId, 1000, KEY);
    const { epoch } = await w.store
      .take(first.sessionId, 'a')
      .then((r) => (r.kind === 'taken' ? r.session : first));
    await w.store.commit(first.sessionId, epoch, { offset: 10 });
    const again = await w.admit(userId, 1000, KEY);
    assert.ok(again.kind === 'admitted' && again.replayed);
    assert.equal(again.session.sessionId, first.sessionId);
    assert.equal(again.session.uploadOffset, 10);
    assert.deepEqual(again.quota, await w.quota(userId));
    assert.equal(again.quota.reservedBytes, 1000);
  });

  promise('the same idempotency key 20 times at once is one session', async (w) => {
    const userId = await w.user();
    const results = await Promise.all(Array.from({ length: 20 }, () => w.admit(userId, 1000, KEY)));
    const sessions = results.map(admitted);
    assert.equal(new Set(sessions.map(({ sessionId }) => sessionId)).size, 1);
    assert.equal(results.filter((result) => result.kind === 'admitted' && result.replayed).length, 19);
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise('the same idempotency key with another request is refused and changes nothing', async (w) => {
    const userId = await w.user();
    await w.open(userId, 1000, KEY);
    assert.deepEqual(await w.admit(userId, 2000, OTHER_BODY), { kind: 'idempotency_key_reused' });
    assert.equal((await w.quota(userId)).reservedBytes, 1000);
  });

  promise("another user's idempotency key means nothing", async (w) => {
    const first = await w.open(await w.user(), 1000, KEY);
    const other = await w.admit(await w.user(), 2000, OTHER_BODY);
    assert.notEqual(admitted(other).sessionId, first.sessionId);
  });

  promise('the idempotency key of a completed upload gives that upload', async (w) => {
    const userId = await w.user();
    const { sessionId } = await w.open(userId, 1000, KEY);
    await w.store.take(sessionId, 'a');
    const sealed = await w.store.commit(sessionId, 1, { offset: 1000, seal: true });
    assert.ok(sealed.kind === 'committed');
    await w.complete(sealed.session);
    const again = await w.admit(userId, 1000, KEY);
    assert.ok(again.kind === 'admitted' && again.replayed);
    assert.equal(again.session.sessionId, sessionId);
    assert.equal(again.session.status, 'completed');
    assert.deepEqual(await w.admit(userId, 1000, OTHER_BODY), { kind: 'idempotency_key_reused' });
  });

  const ways: Record<
    string,
    (sessionId: string, w: Parameters<Parameters<Promises>[1]>[0]) => Promise<unknown>
  > = {
    cancelled: (id, { store }) => store.end(id, { status: 'cancelled', failure: null }),
    failed: (id, { store }) =>
      store.end(id, {
        status: 'failed',
        failure: { error_code: 'UNSUPPORTED_FORMAT', error_message: 'No.' },
      }),
    expired: (_, { advance }) => advance(TTL_MS),
  };
  for (const [status, end] of Object.entries(ways)) {
    promise(`the idempotency key of a session that ${status} begins a new one`, async (w) => {
      const userId = await w.user(1000);
      const first = await w.open(userId, 1000, KEY);
      await end(first.sessionId, w);
      const second = await w.admit(userId, 1000, KEY);
      assert.ok(second.kind === 'admitted' && !second.replayed);
      assert.notEqual(second.session.sessionId, first.sessionId);
      assert.equal(second.session.status, 'active');
      const third = await w.admit(userId, 1000, KEY);
      assert.equal(admitted(third).sessionId, second.session.sessionId);
    });
  }

  promise('a key that was refused for want of quota can be used again', async (w) => {
    const userId = await w.user(1000);
    const blocker = await w.open(userId, 1000);
    assert.equal((await w.admit(userId, 500, KEY)).kind, 'quota_exceeded');
    await w.store.end(blocker.sessionId, { status: 'cancelled', failure: null });
    const session = await w.open(userId, 500, KEY);
    assert.equal(session.reservedBytes, 500);
  });

  promise('an idempotency key may hold any visible character', async (w) => {
    const userId = await w.user();
    const visible = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('');
    const keyed = (changes: Partial<Admission> = {}) => ({
      ...changes,
      idempotency: { key: visible, fingerprint: visible },
    });
    const first = await w.open(userId, 10, keyed());
    const again = await w.open(userId, 10, keyed({ sessionId: sessionIdFor(userId) }));
    assert.equal(again.sessionId, first.sessionId);
  });
}
