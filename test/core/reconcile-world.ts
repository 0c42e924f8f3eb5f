import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { createAccountBook } from '../../src/core/account-book.ts';
import { accepted } from '../../src/core/errors.ts';
import { createReconcile, type Reconcile, type ReconcileDeps } from '../../src/core/reconcile.ts';
import type { Session } from '../../src/core/session.ts';
import { createSqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { createSqliteSessionStore } from '../../src/stores/sqlite/sessions.ts';
import { shardOf } from '../contracts/session-store/harness.ts';
import { PATIENT_MS, redisHarness } from '../contracts/session-store/redis-harness.ts';
import { admissionOf, admitted, committed, ended, taken } from '../contracts/session-store/workshop.ts';
import { sharedRedisPort } from '../helpers/redis.ts';

export const LIMIT = 10_000;
const clock = { now: () => Date.now() };

/** A session store and a ledger, and hands that reach into the store behind its back. */
export async function openWorld(t: TestContext, backend: 'redis' | 'sqlite') {
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

  /** As `Endings.expire` does it, but that there are no bytes. */
  async function expire(session: Session): Promise<Session> {
    const { sessionId, userId } = session;
    const verdict = await ledger.voidSession(sessionId, userId);
    if (verdict.kind === 'settled') return (await store.finish(sessionId, verdict.completion)) ?? session;
    return ended(await store.end(sessionId, { status: 'expired', failure: null, voided: true }));
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
      changes: Pick<Partial<ReconcileDeps>, 'store' | 'now'> = {},
    ) =>
      createReconcile({
        store,
        ledger,
        finishStored,
        expire,
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

export const NOTHING = { drifted: 0, driftBytes: 0, finished: 0, completed: 0, stuck: [] };

/** What a pass found wrong; how much all have reserved is another test's affair. */
export async function findings(reconcile: Reconcile) {
  const { reservedBytes: _reserved, activeSessions: _active, ...found } = await reconcile();
  return found;
}
