import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Admission, AdmitResult, CommitResult, EndResult, TakeResult } from '../../../src/core/ports.ts';
import type { QuotaSnapshot } from '../../../src/core/quota.ts';
import type { Session, SessionDraft } from '../../../src/core/session.ts';
import { type MakeHarness, newUser, type SessionStoreHarness, sessionIdFor } from './harness.ts';
import { createLedgerModel, type LedgerModel } from './ledger-model.ts';

export const TTL_MS = 3_600_000;
export const LIFETIME_MS = 86_400_000;
const LIMIT = 10_000;

export const DRAFT: SessionDraft = {
  dashboardContext:
    '{"source_section": "video_analysis", "workflow_type":"single_upload","user_preferences":{"quality":"high"},"metadata":{"test":"data"}}',
  expectedFileSize: 1000,
  fileFormat: 'mp4',
  filename: 'holiday.mp4',
  sha256: null,
  uploadMetadata: null,
};

/** What a test works with: a fresh store, a ledger behind it, and shorthands for the usual steps. */
export interface Workshop extends SessionStoreHarness {
  readonly ledger: LedgerModel;
  readonly draft: SessionDraft;
  /** A user whose account, with so many bytes as its limit, is loaded. */
  user(limitBytes?: number): Promise<string>;
  /** Ask the ledger and load its answer, as often as the store wants. */
  load(userId: string): Promise<void>;
  /** `admit`, with the account loaded where it is needed. */
  admit(
    userId: string,
    bytes: number | null,
    changes?: Partial<Admission>,
  ): Promise<Exclude<AdmitResult, { kind: 'need_account' }>>;
  /** A session that has to be admitted. */
  open(userId: string, bytes: number | null, changes?: Partial<Admission>): Promise<Session>;
  /** A session with all its bytes stored, about to be verified. */
  sealed(userId: string, bytes: number): Promise<Session>;
  /** Settle it in the ledger and finish it. */
  complete(session: Session): Promise<Session>;
  quota(userId: string): Promise<QuotaSnapshot>;
}

export function admissionOf(
  userId: string,
  bytes: number | null,
  changes: Partial<Admission> = {},
): Admission {
  return {
    sessionId: sessionIdFor(userId),
    userId,
    draft: { ...DRAFT, expectedFileSize: bytes },
    requestedBytes: bytes,
    maxFileSize: 5000,
    maxActiveSessions: 100,
    ttlMs: TTL_MS,
    maxLifetimeMs: LIFETIME_MS,
    idempotency: null,
    ...changes,
  };
}

export function openWorkshop(harness: SessionStoreHarness): Workshop {
  const { store } = harness;
  const ledger = createLedgerModel(LIMIT);

  async function load(userId: string): Promise<void> {
    let asked = (await store.read(userId)).sealed;
    for (;;) {
      const { account, settled } = ledger.account(userId, asked, await harness.now());
      const result = await store.load(account, asked, settled);
      if (result.kind === 'loaded') return;
      asked = result.sealed;
    }
  }

  const workshop: Workshop = {
    ...harness,
    ledger,
    draft: DRAFT,
    load,
    async user(limitBytes = LIMIT) {
      const userId = newUser();
      ledger.setLimit(userId, limitBytes, await harness.now());
      await load(userId);
      return userId;
    },
    async admit(userId, bytes, changes) {
      const admission = admissionOf(userId, bytes, changes);
      for (;;) {
        const result = await store.admit(admission);
        if (result.kind !== 'need_account') return result;
        await load(userId);
      }
    },
    open: async (userId, bytes, changes) => admitted(await workshop.admit(userId, bytes, changes)),
    async sealed(userId, bytes) {
      const { sessionId } = await workshop.open(userId, bytes);
      const { epoch } = taken(await store.take(sessionId, 'a'));
      return committed(await store.commit(sessionId, epoch, { offset: bytes, seal: true }));
    },
    async complete({ sessionId, userId, uploadOffset }) {
      const completion = ledger.settle(sessionId, userId, uploadOffset, await harness.now());
      assert.ok(completion, 'the ledger has voided the session');
      const finished = await store.finish(sessionId, completion);
      assert.ok(finished, 'the session is forgotten');
      return finished;
    },
    async quota(userId) {
      const known = await store.read(userId);
      if (known.kind === 'known') return known.quota;
      await load(userId);
      return workshop.quota(userId);
    },
  };
  return workshop;
}

export function admitted(result: AdmitResult): Session {
  if (result.kind !== 'admitted') assert.fail(`admitted was expected, ${result.kind} came`);
  return result.session;
}

export function taken(result: TakeResult): Session {
  if (result.kind !== 'taken') assert.fail(`taken was expected, ${result.kind} came`);
  return result.session;
}

export function committed(result: CommitResult): Session {
  if (result.kind !== 'committed') assert.fail(`committed was expected, ${result.kind} came`);
  return result.session;
}

export function ended(result: EndResult): Session {
  if (result.kind !== 'ended') assert.fail(`ended was expected, ${result.kind} came`);
  return result.session;
}

/** Declares one promise of the contract: a test with a store of its own. */
export type Promises = (promise: string, check: (workshop: Workshop) => Promise<void>) => void;

export function promisesOf(name: string, makeHarness: MakeHarness): Promises {
  return (promise, check) => {
    test(`${name}: ${promise}`, async () => {
      const harness = await makeHarness();
      try {
        await check(openWorkshop(harness));
      } finally {
        await harness.close();
      }
    });
  };
}
