import assert from 'node:assert/strict';
import { newUser, sessionIdFor } from './harness.ts';
import { admissionOf, admitted, DRAFT, type Promises, TTL_MS } from './workshop.ts';

export function admissionContract(promise: Promises): void {
  promise(
    'an admitted session has everything it was given, and its bytes reserved',
    async ({ store, user, now, ...w }) => {
      const userId = await user(10_000);
      const draft = {
        ...DRAFT,
        dashboardContext: '{ "source_section":"a\\u0000é漢😀","x": 1e2,\n "b":"}{" }',
        expectedFileSize: 4000,
        filename: '../ü "quoted"\n.mp4',
        sha256: 'b'.repeat(64),
        uploadMetadata: 'filename aG9saWRheQ==',
      };
      const before = await now();
      const admission = admissionOf(userId, 4000, { draft });
      const result = await store.admit(admission);
      const session = admitted(result);
      assert.ok(session.createdAt >= before && session.createdAt <= (await now()));
      assert.deepEqual(session, {
        ...draft,
        sessionId: admission.sessionId,
        userId,
        status: 'active',
        createdAt: session.createdAt,
        expiresAt: session.createdAt + TTL_MS,
        maxFileSize: 5000,
        reservedBytes: 4000,
        uploadOffset: 0,
        uploadLength: 4000,
        epoch: 0,
        writer: null,
        sealed: false,
        storage: null,
        detectedFormat: null,
        contentSha256: null,
        completedAt: null,
        failure: null,
      });
      assert.ok(result.kind === 'admitted' && !result.replayed);
      const quota = await w.quota(userId);
      assert.deepEqual(result.quota, quota);
      assert.equal(quota.limitBytes, 10_000);
      assert.equal(quota.usedBytes, 0);
      assert.equal(quota.reservedBytes, 4000);
      assert.equal(quota.activeSessions, 1);
      assert.deepEqual(await store.find(admission.sessionId), session);
    },
  );

  promise('what was not given is null, and a length not declared is unknown', async ({ store, user }) => {
    const userId = await user();
    const nothing = {
      dashboardContext: '{}',
      expectedFileSize: null,
      fileFormat: null,
      filename: null,
      sha256: null,
      uploadMetadata: null,
    };
    const session = admitted(await store.admit(admissionOf(userId, null, { draft: nothing })));
    assert.partialDeepStrictEqual(session, { ...nothing, uploadLength: null });
  });

  promise('a session nobody made is not found', async ({ store }) => {
    const sessionId = sessionIdFor(newUser());
    assert.equal(await store.find(sessionId), null);
    assert.deepEqual(await store.take(sessionId, 'a'), { kind: 'not_found' });
    assert.deepEqual(await store.commit(sessionId, 1, { offset: 1 }), { kind: 'not_found' });
    assert.deepEqual(await store.end(sessionId, { status: 'cancelled', failure: null }), {
      kind: 'not_found',
    });
    await store.forget(sessionId);
  });

  promise(
    'a session lives no longer than its maximum lifetime, however long its ttl',
    async ({ open, user }) => {
      const session = await open(await user(), 10, { maxLifetimeMs: 60_000 });
      assert.equal(session.expiresAt, session.createdAt + 60_000);
    },
  );

  promise(
    'without a size, the smaller of maximum and remaining is reserved and is the maximum',
    async ({ open, user }) => {
      const userId = await user(8000);
      const first = await open(userId, null);
      assert.equal(first.reservedBytes, 5000);
      assert.equal(first.maxFileSize, 5000);
      const second = await open(userId, null);
      assert.equal(second.reservedBytes, 3000);
      assert.equal(second.maxFileSize, 3000);
    },
  );

  promise('without a size and with nothing left, the quota is exceeded', async ({ open, admit, user }) => {
    const userId = await user(5000);
    await open(userId, null);
    const refused = await admit(userId, null);
    assert.equal(refused.kind, 'quota_exceeded');
  });

  promise(
    'the last byte of the quota can be reserved, one more cannot',
    async ({ store, open, admit, user, quota }) => {
      const userId = await user(10_000);
      await open(userId, 5000);
      const refused = await admit(userId, 5001);
      assert.partialDeepStrictEqual(refused, { kind: 'quota_exceeded', required: 5001 });
      assert.equal((await quota(userId)).reservedBytes, 5000);
      assert.equal((await store.liveSessions(userId)).length, 1);
      await open(userId, 5000);
      assert.equal((await quota(userId)).reservedBytes, 10_000);
      assert.partialDeepStrictEqual(await admit(userId, 1), { kind: 'quota_exceeded', required: 1 });
    },
  );

  promise('a refusal names the first moment at which own sessions will have made enough room', async (w) => {
    const userId = await w.user(10_000);
    const first = await w.open(userId, 4000);
    await w.advance(60_000);
    const second = await w.open(userId, 4000);
    await w.advance(60_000);
    const before = await w.now();
    const small = await w.admit(userId, 2001);
    assert.ok(small.kind === 'quota_exceeded');
    assert.equal(small.retryAt, first.expiresAt);
    assert.ok(small.now >= before && small.now <= (await w.now()));
    const large = await w.admit(userId, 6001, { maxFileSize: 10_000 });
    assert.ok(large.kind === 'quota_exceeded');
    assert.equal(large.retryAt, second.expiresAt);
  });

  promise('where no session will make room, the refusal names the end of the period', async (w) => {
    const userId = await w.user(5000);
    await w.complete(await w.sealed(userId, 5000));
    const refused = await w.admit(userId, 1);
    assert.ok(refused.kind === 'quota_exceeded');
    assert.equal(refused.retryAt, refused.quota.resetAt);
  });

  promise('a period that ends before the sessions do is the earlier moment', async (w) => {
    const userId = await w.user(5000);
    const { resetAt } = await w.quota(userId);
    await w.advance(resetAt - (await w.now()) - 60_000);
    await w.open(userId, 5000);
    const refused = await w.admit(userId, 1);
    assert.ok(refused.kind === 'quota_exceeded');
    assert.equal(refused.retryAt, resetAt);
  });

  promise(
    'one live session too many is refused until one ends',
    async ({ store, open, admit, user, advance }) => {
      const userId = await user();
      const first = await open(userId, 1);
      await advance(1000);
      const others = [];
      for (let i = 0; i < 4; i += 1) others.push(await open(userId, 1));
      const refused = await admit(userId, 1, { maxActiveSessions: 5 });
      assert.partialDeepStrictEqual(refused, { kind: 'too_many_sessions', retryAt: first.expiresAt });
      assert.ok(refused.kind === 'too_many_sessions' && refused.quota.activeSessions === 5);
      await store.end(others[0]?.sessionId ?? '', { status: 'cancelled', failure: null });
      await open(userId, 1, { maxActiveSessions: 5 });
      assert.equal((await admit(userId, 1, { maxActiveSessions: 5 })).kind, 'too_many_sessions');
      await advance(first.expiresAt - first.createdAt - 1000);
      await open(userId, 1, { maxActiveSessions: 5 });
    },
  );

  promise('a refusal does not count on sealed sessions: they do not end by time', async (w) => {
    const userId = await w.user(1000);
    await w.sealed(userId, 500);
    await w.advance(60_000);
    const other = await w.open(userId, 500);
    const full = await w.admit(userId, 1);
    assert.ok(full.kind === 'quota_exceeded');
    assert.equal(full.retryAt, other.expiresAt);
    const many = await w.admit(userId, 1, { maxActiveSessions: 2 });
    assert.ok(many.kind === 'too_many_sessions');
    assert.equal(many.retryAt, other.expiresAt);
  });

  promise('of 200 at once, exactly the 7 that fit are admitted', async ({ store, user, quota }) => {
    const userId = await user(7 * 1000 + 999);
    const results = await Promise.all(
      Array.from({ length: 200 }, () => store.admit(admissionOf(userId, 1000, { maxActiveSessions: 500 }))),
    );
    assert.equal(results.filter(({ kind }) => kind === 'admitted').length, 7);
    assert.equal(results.filter(({ kind }) => kind === 'quota_exceeded').length, 193);
    assert.equal((await quota(userId)).reservedBytes, 7000);
    assert.equal((await store.liveSessions(userId)).length, 7);
  });

  promise('of 50 at once, no more are admitted than may be live', async ({ store, user }) => {
    const userId = await user();
    const results = await Promise.all(
      Array.from({ length: 50 }, () => store.admit(admissionOf(userId, 1, { maxActiveSessions: 9 }))),
    );
    assert.equal(results.filter(({ kind }) => kind === 'admitted').length, 9);
    assert.equal(results.filter(({ kind }) => kind === 'too_many_sessions').length, 41);
  });

  promise('an expired session makes room by itself, at its moment and not before', async (w) => {
    const userId = await w.user(5000);
    const session = await w.open(userId, 5000);
    await w.advance(TTL_MS - 10_000);
    assert.equal((await w.admit(userId, 1)).kind, 'quota_exceeded');
    assert.equal((await w.quota(userId)).reservedBytes, 5000);
    await w.advance(10_000);
    assert.equal((await w.quota(userId)).reservedBytes, 0);
    await w.open(userId, 5000);
    assert.equal((await w.store.find(session.sessionId))?.status, 'expired');
    assert.equal((await w.quota(userId)).reservedBytes, 5000);
  });

  promise('sizes near 2^53 are exact to the byte', async (w) => {
    const huge = Number.MAX_SAFE_INTEGER;
    const userId = await w.user(huge);
    const first = await w.open(userId, huge - 3, { maxFileSize: huge });
    assert.equal(first.reservedBytes, huge - 3);
    assert.equal(first.uploadLength, huge - 3);
    assert.equal((await w.admit(userId, 4)).kind, 'quota_exceeded');
    assert.equal((await w.admit(userId, huge, { maxFileSize: huge })).kind, 'quota_exceeded');
    await w.open(userId, 3);
    assert.equal((await w.quota(userId)).reservedBytes, huge);

    const { epoch } = await w.store
      .take(first.sessionId, 'a')
      .then((r) => (r.kind === 'taken' ? r.session : first));
    const stored = await w.store.commit(first.sessionId, epoch, {
      offset: huge - 3,
      length: huge - 3,
      seal: true,
    });
    assert.ok(stored.kind === 'committed');
    assert.equal(stored.session.uploadOffset, huge - 3);
    const finished = await w.complete(stored.session);
    assert.equal(finished.uploadOffset, huge - 3);
    const quota = await w.quota(userId);
    assert.equal(quota.usedBytes, huge - 3);
    assert.equal(quota.reservedBytes, 3);
  });

  promise('users do not take from one another', async ({ open, user, quota }) => {
    const [one, other] = [await user(5000), await user(5000)];
    await open(one, 5000);
    await open(other, 4000);
    assert.equal((await quota(one)).reservedBytes, 5000);
    assert.equal((await quota(other)).reservedBytes, 4000);
  });

  promise('a session keeps the times it was admitted with, also when it is renewed', async (w) => {
    const userId = await w.user();
    const session = await w.open(userId, 10, { ttlMs: 20_000, maxLifetimeMs: 50_000 });
    assert.equal(session.expiresAt, session.createdAt + 20_000);
    await w.store.take(session.sessionId, 'a');
    await w.advance(10_000);
    const before = await w.now();
    const renewed = await w.store.commit(session.sessionId, 1, { offset: 1 });
    assert.ok(renewed.kind === 'committed');
    const { expiresAt } = renewed.session;
    assert.ok(expiresAt >= before + 20_000 && expiresAt <= (await w.now()) + 20_000);
    await w.advance(20_000);
    assert.equal((await w.store.find(session.sessionId))?.status, 'expired');
  });
}
