import assert from 'node:assert/strict';
import type { MergeResult, Part } from '../../../src/core/ports.ts';
import type { Session } from '../../../src/core/session.ts';
import { newUser, sessionIdFor } from './harness.ts';
import { committed, type Promises, TTL_MS, taken, type Workshop } from './workshop.ts';

const STORAGE = 'where the joined bytes are';

function merged(result: MergeResult): Session {
  if (result.kind !== 'merged') assert.fail(`merged was expected, ${result.kind} came`);
  return result.session;
}

/** A partial upload with so many of its bytes stored. */
async function partial(w: Workshop, userId: string, bytes: number, stored = bytes): Promise<Session> {
  const draft = { ...w.draft, expectedFileSize: bytes, uploadConcat: 'partial' };
  const { sessionId } = await w.open(userId, bytes, { draft });
  const { epoch } = taken(await w.store.take(sessionId, 'a'));
  return committed(await w.store.commit(sessionId, epoch, { offset: stored }));
}

/** A final upload, with a writer, of so many bytes, that has reserved nothing. */
async function final(w: Workshop, userId: string, bytes: number): Promise<Session> {
  const draft = { ...w.draft, expectedFileSize: bytes, uploadConcat: 'final;/a /b' };
  const { sessionId } = await w.open(userId, 0, { draft });
  return taken(await w.store.take(sessionId, 'a'));
}

export function mergingContract(promise: Promises): void {
  promise('what a client said of concatenation comes back as it was sent', async (w) => {
    const userId = await w.user();
    const part = await partial(w, userId, 10);
    assert.equal((await w.store.find(part.sessionId))?.uploadConcat, 'partial');
    assert.equal((await final(w, userId, 10)).uploadConcat, 'final;/a /b');
    assert.equal('uploadConcat' in (await w.open(userId, 10)), false);
  });

  promise('a merged upload is known whole until somebody decides on it', async (w) => {
    const userId = await w.user();
    const { sessionId } = await partial(w, userId, 10);
    const last = await final(w, userId, 10);
    merged(await w.store.merge(last.sessionId, last.epoch, { offset: 10, storage: STORAGE }, [sessionId]));
    await w.advance(2 * TTL_MS);
    const { dashboardContext, filename, uploadConcat } = last;
    const known = { status: 'active', dashboardContext, filename, uploadConcat } as const;
    assert.partialDeepStrictEqual(await w.store.find(last.sessionId), known);
  });

  promise('merging moves reservations to the final upload and seals it, in one step', async (w) => {
    const userId = await w.user(1000);
    const parts = [await partial(w, userId, 600), await partial(w, userId, 400)];
    const ids = parts.map(({ sessionId }) => sessionId);
    const last = await final(w, userId, 1000);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 1000, activeSessions: 3 });

    const pieces: Part[] = [{ index: 0, number: 1, bytes: 1000, etag: '"e"' }];
    const joined = { offset: 1000, storage: STORAGE, detectedFormat: 'mkv', parts: pieces };
    const session = merged(await w.store.merge(last.sessionId, last.epoch, joined, ids));
    assert.partialDeepStrictEqual(session, {
      status: 'active',
      sealed: true,
      uploadOffset: 1000,
      uploadLength: 1000,
      reservedBytes: 1000,
      storage: STORAGE,
      detectedFormat: 'mkv',
    });
    assert.deepEqual(await w.store.parts(last.sessionId), pieces);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 1000, activeSessions: 1 });
    assert.equal((await w.admit(userId, 1)).kind, 'quota_exceeded');

    const due = await w.store.due(10);
    assert.deepEqual(due.map(({ sessionId }) => sessionId).sort(), ids.toSorted());
    for (const { status, reservedBytes, mergedInto } of due) {
      assert.deepEqual([status, reservedBytes, mergedInto], ['cancelled', 0, last.sessionId]);
    }
    for (const { sessionId, epoch } of parts) {
      assert.equal((await w.store.commit(sessionId, epoch, { offset: 600 })).kind, 'ended');
      await w.store.forget(sessionId);
      // So it can still be told from one that was given up.
      assert.equal((await w.store.find(sessionId))?.mergedInto, last.sessionId);
    }
    await w.advance(2 * TTL_MS);
    assert.deepEqual(await w.store.find(last.sessionId), session, 'nothing that was declared is forgotten');
    assert.equal((await w.complete(session)).status, 'completed');
    assert.partialDeepStrictEqual(await w.quota(userId), { usedBytes: 1000, reservedBytes: 0 });
  });

  promise('merging again, since the reply was lost, changes nothing', async (w) => {
    const userId = await w.user();
    const { sessionId } = await partial(w, userId, 600);
    const last = await final(w, userId, 600);
    const joined = { offset: 600, storage: STORAGE };
    const once = merged(await w.store.merge(last.sessionId, last.epoch, joined, [sessionId]));
    assert.deepEqual(await w.store.merge(last.sessionId, last.epoch, joined, [sessionId]), {
      kind: 'merged',
      session: once,
    });
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 600, activeSessions: 1 });
  });

  promise('of many merges of the same partial uploads one wins', async (w) => {
    const userId = await w.user();
    const ids = [(await partial(w, userId, 600)).sessionId, (await partial(w, userId, 5)).sessionId];
    const finals = await Promise.all(Array.from({ length: 8 }, () => final(w, userId, 605)));
    const joined = { offset: 605, storage: STORAGE };
    const results = await Promise.all(
      finals.map(({ sessionId, epoch }) => w.store.merge(sessionId, epoch, joined, ids)),
    );
    assert.equal(results.filter(({ kind }) => kind === 'merged').length, 1);
    assert.equal(results.filter(({ kind }) => kind === 'unfit').length, 7);
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 605, activeSessions: 8 });
  });

  promise('a partial upload that is not full, not live, or of somebody else is not merged', async (w) => {
    const userId = await w.user();
    const full = await partial(w, userId, 600);
    const unfinished = await partial(w, userId, 400, 399);
    const cancelled = await partial(w, userId, 400);
    await w.store.end(cancelled.sessionId, { status: 'cancelled', failure: null });
    const unknown = sessionIdFor(userId);
    const last = await final(w, userId, 1000);
    const before = await w.quota(userId);
    for (const unfit of [unfinished.sessionId, cancelled.sessionId, unknown]) {
      const partials = [full.sessionId, unfit];
      const joined = { offset: 1000, storage: STORAGE };
      assert.deepEqual(await w.store.merge(last.sessionId, last.epoch, joined, partials), {
        kind: 'unfit',
        sessionId: unfit,
      });
    }
    assert.deepEqual(await w.quota(userId), before);
    assert.equal((await w.store.find(full.sessionId))?.status, 'active');
    assert.equal((await w.store.find(last.sessionId))?.sealed, false);
  });

  promise('bytes that are not the sum of the partial uploads are not merged', async (w) => {
    const userId = await w.user();
    const { sessionId } = await partial(w, userId, 600);
    const last = await final(w, userId, 600);
    const result = await w.store.merge(last.sessionId, last.epoch, { offset: 599, storage: STORAGE }, [
      sessionId,
    ]);
    assert.deepEqual(result, { kind: 'unfit', sessionId: last.sessionId });
  });

  promise('a writer that is not the newest, or of a final upload that ended, merges nothing', async (w) => {
    const userId = await w.user();
    const { sessionId } = await partial(w, userId, 600);
    const last = await final(w, userId, 600);
    const joined = { offset: 600, storage: STORAGE };
    await w.store.take(last.sessionId, 'b');
    assert.deepEqual(await w.store.merge(last.sessionId, last.epoch, joined, [sessionId]), {
      kind: 'fenced',
    });
    await w.store.end(last.sessionId, { status: 'cancelled', failure: null });
    assert.equal((await w.store.merge(last.sessionId, last.epoch, joined, [sessionId])).kind, 'ended');
    assert.deepEqual(await w.store.merge(sessionIdFor(newUser()), 1, joined, [sessionId]), {
      kind: 'not_found',
    });
    assert.equal((await w.store.find(sessionId))?.status, 'active');
  });

  promise('a partial upload whose time is over is not merged', async (w) => {
    const userId = await w.user();
    const { sessionId } = await partial(w, userId, 600);
    await w.advance(TTL_MS / 2);
    const last = await final(w, userId, 600);
    await w.advance(TTL_MS / 2);
    const joined = { offset: 600, storage: STORAGE };
    const result = await w.store.merge(last.sessionId, last.epoch, joined, [sessionId]);
    assert.deepEqual(result, { kind: 'unfit', sessionId });
  });

  promise('what a merge leaves behind goes: nothing of it stays for ever', async (w) => {
    const userId = await w.user();
    const { sessionId } = await partial(w, userId, 600);
    const last = await final(w, userId, 600);
    merged(await w.store.merge(last.sessionId, last.epoch, { offset: 600, storage: STORAGE }, [sessionId]));
    await w.advance(2 * TTL_MS);
    const due = await w.store.due(10);
    assert.deepEqual(due.map((one) => one.sessionId).sort(), [sessionId, last.sessionId].sort());
    for (const one of due) {
      await w.store.end(one.sessionId, { status: 'expired', failure: null, voided: true });
      await w.store.forget(one.sessionId);
    }
    assert.partialDeepStrictEqual(await w.quota(userId), { reservedBytes: 0, activeSessions: 0 });
    assert.deepEqual(await w.store.due(10), []);
  });
}
