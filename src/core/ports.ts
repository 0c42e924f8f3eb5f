import type { NewOutboxEvent } from './outbox.ts';
import type { Account, QuotaSnapshot } from './quota.ts';
import type { Failure, Session, SessionDraft } from './session.ts';

/**
 * The ports. Every adapter passes the same contract suite (test/contracts). All of them throw
 * `SluiceError` (`REDIS_CONNECTION_ERROR`, `LEDGER_UNAVAILABLE`, `STORAGE_UNAVAILABLE`, `STORAGE_FULL`)
 * when what is behind them is away or does not answer within its deadline; expected refusals are values.
 */

/** Milliseconds since the epoch. Used by embedded adapters only: Redis and PostgreSQL have their own clock. */
export interface Clock {
  now(): number;
}

export interface Admission {
  readonly sessionId: string;
  readonly userId: string;
  readonly draft: SessionDraft;
  /** Bytes to reserve; null reserves min(maxFileSize, remaining). */
  readonly requestedBytes: number | null;
  /** The service's maximum for one file. */
  readonly maxFileSize: number;
  readonly maxActiveSessions: number;
  readonly ttlMs: number;
  readonly maxLifetimeMs: number;
  /** Key as the client sent it and a digest of the request it stood for. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
}

export type AdmitResult =
  | {
      readonly kind: 'admitted';
      readonly session: Session;
      readonly quota: QuotaSnapshot;
      readonly replayed: boolean;
    }
  /** `retryAt`: the earliest moment enough could be free: an expiry of an own session, or the period's end. */
  | {
      readonly kind: 'quota_exceeded';
      readonly quota: QuotaSnapshot;
      readonly required: number;
      readonly retryAt: number;
      readonly now: number;
    }
  | {
      readonly kind: 'too_many_sessions';
      readonly quota: QuotaSnapshot;
      readonly retryAt: number;
      readonly now: number;
    }
  | { readonly kind: 'idempotency_key_reused' }
  | NeedAccount;

/**
 * The account is not cached, or its period is over: load it from the ledger, `Accounts.load` it, call again.
 * `sealed` are the user's sessions that may stand in the ledger already but are still reserved here.
 */
export interface NeedAccount {
  readonly kind: 'need_account';
  readonly sealed: readonly string[];
}

export interface Progress {
  /** Bytes stored, in order. May fall only where `epoch` began the upload anew (`restart`). */
  readonly offset: number;
  /** Where given: the total length, set once. */
  readonly length?: number;
  /** Where given: what the blob store needs to find the bytes again. */
  readonly storage?: string;
  /** Where given: pieces stored since the last commit, kept with the session in the same step (`PartList`). */
  readonly parts?: readonly Part[];
  readonly detectedFormat?: string;
  /** Where given: change the reservation to this many bytes, if the quota allows. Never below `offset`. */
  readonly reserve?: number;
  /** All bytes are stored and are about to be verified: they never change again. */
  readonly seal?: boolean;
  /** The bytes before this were thrown away (a plain PUT begins anew): the offset may fall. */
  readonly restart?: boolean;
}

export type TakeResult =
  /** `previousWriter`: the instance that held the session before, where there was one. */
  | { readonly kind: 'taken'; readonly session: Session; readonly previousWriter: string | null }
  | { readonly kind: 'ended'; readonly session: Session }
  | { readonly kind: 'not_found' };

export type CommitResult =
  | { readonly kind: 'committed'; readonly session: Session }
  /** A newer writer took the session: nothing was changed. */
  | { readonly kind: 'fenced' }
  | { readonly kind: 'ended'; readonly session: Session }
  /** The reservation could not be grown: nothing was changed. */
  | {
      readonly kind: 'quota_exceeded';
      readonly quota: QuotaSnapshot;
      readonly retryAt: number;
      readonly now: number;
    }
  | { readonly kind: 'not_found' };

/** The result of an upload as the ledger recorded it. */
export interface Completion {
  readonly bytes: number;
  /** Start of the period in which the ledger counted it. */
  readonly periodStart: number;
  /** The account's version in the ledger right after it was counted: see `Accounts.load`. */
  readonly accountVersion: number;
  readonly completedAt: number;
  readonly detectedFormat: string | null;
  readonly contentSha256: string;
}

export interface Ending {
  readonly status: 'cancelled' | 'failed' | 'expired';
  readonly failure: Failure | null;
  /** The ledger has refused this session for good (`Ledger.voidSession`), so a sealed one may end too. */
  readonly voided?: boolean;
  /** Keep the reservation until then (milliseconds since the epoch): direct mode, until its URLs are dead. */
  readonly holdReservationUntil?: number;
}

export type EndResult =
  | { readonly kind: 'ended'; readonly session: Session }
  /** It had ended before: nothing was changed. */
  | { readonly kind: 'already'; readonly session: Session }
  /** It is sealed: ask the ledger who wins, then call again with `voided`, or `finish`. */
  | { readonly kind: 'sealed'; readonly session: Session }
  | { readonly kind: 'not_found' };

/**
 * Live sessions and the reservations behind them. Every operation is atomic and may be repeated without
 * harm, since its reply can be lost. Times come from the store's own clock.
 */
export interface SessionStore {
  /**
   * One step: give back what expired, check the count and used + reserved + requested ≤ limit, reserve, create.
   * Repeating it with the same session id, or with the same idempotency key and fingerprint while that session
   * is active or completed and remembered, gives the earlier session back (`replayed`).
   */
  admit(admission: Admission): Promise<AdmitResult>;
  /** The session as it is now, with `status` as a reader must see it; null where unknown or forgotten. */
  find(sessionId: string): Promise<Session | null>;
  /** Become the writer: epoch + 1. Changes neither offset nor expiry. */
  take(sessionId: string, writer: string): Promise<TakeResult>;
  /** Acknowledge progress if `epoch` is still the newest; a growing offset renews the expiry. */
  commit(sessionId: string, epoch: number, progress: Progress): Promise<CommitResult>;
  /**
   * Reserved → used, once, after the ledger settled it (`used` moves only where the cached period is the
   * one the ledger counted it in). Repeating it gives the same session. Null where the session is forgotten.
   */
  finish(sessionId: string, completion: Completion): Promise<Session | null>;
  /** End it without a file: the reservation is given back, once; the epoch rises, so no writer can commit. */
  end(sessionId: string, ending: Ending): Promise<EndResult>;
}

/** The fast copy of the ledger's accounts that admission decides on. */
export interface Accounts {
  read(
    userId: string,
  ): Promise<
    | { readonly kind: 'known'; readonly quota: QuotaSnapshot; readonly sealed: readonly string[] }
    | NeedAccount
  >;
  /**
   * Put the ledger's account here. `settled` are those of the `sealed` sessions that `usedBytes` counts
   * already: where their reservation is still held here, their bytes are left out of the used ones, because
   * their `finish` is still to come and will add them.
   *
   * Exact under concurrency by two checks, and nothing is changed where one of them fails (`need_account`:
   * read the ledger once more): the account's version is older than one seen here (a `finish` brought a newer
   * one, or another `load`); or a session is sealed here that the caller was not told of (`asked`).
   * Reservations are kept; where the account was lost they are summed up again from the sessions.
   */
  load(
    account: Account,
    asked: readonly string[],
    settled: readonly SettledBytes[],
  ): Promise<{ readonly kind: 'loaded' } | NeedAccount>;
  /** The user's live sessions, newest first. */
  liveSessions(userId: string): Promise<Session[]>;
}

/** What the sweeper works from: a list that outlives the sessions themselves. */
export interface DueSessions {
  /** Up to `limit` sessions whose time has come: expired ones, and ended ones whose bytes still have to go. */
  due(limit: number): Promise<Session[]>;
  /** The bytes are gone: forget the session, except that it still answers with its status for an hour. */
  forget(sessionId: string): Promise<void>;
}

export interface SettledBytes {
  readonly sessionId: string;
  readonly bytes: number;
}

export interface Settlement {
  readonly sessionId: string;
  readonly userId: string;
  readonly bytes: number;
  readonly format: string | null;
  readonly sha256: string;
  readonly storageKey: string;
  readonly filename: string | null;
  readonly dashboardContext: string;
  readonly createdAt: number;
}

export type SettleResult =
  /** Counted now, or found to have been counted before: the same answer either way. */
  | { readonly kind: 'settled'; readonly completion: Completion }
  /** The session was voided first: it must not complete. */
  | { readonly kind: 'voided' };

/** The truth about who used what. Each operation is one transaction. */
export interface Ledger {
  /**
   * The user's account, made at its first use and rolled over to the current period exactly once.
   * `settled`: those of `sealed` that this very `usedBytes` counts (settled in the current period).
   */
  account(
    userId: string,
    sealed: readonly string[],
  ): Promise<{ readonly account: Account; readonly settled: readonly SettledBytes[] }>;
  /** Count the upload, once per session id, in the period that is current now. */
  settle(settlement: Settlement): Promise<SettleResult>;
  /** Refuse the session for good, unless it is settled: then its completion. Idempotent. */
  voidSession(
    sessionId: string,
    userId: string,
  ): Promise<{ readonly kind: 'voided' } | { readonly kind: 'settled'; readonly completion: Completion }>;
  /** New limit in bytes, ≥ 0. */
  setLimit(userId: string, limitBytes: number): Promise<Account>;
  /** Begin a new period now with nothing used. */
  resetPeriod(userId: string): Promise<Account>;
  /** Write an event down for the outbox, once per id: repeating it changes nothing. */
  record(event: NewOutboxEvent): Promise<void>;
}

/** One piece of an upload as an object store acknowledged it. */
export interface Part {
  /** Place in the file, from 0 without gaps. */
  readonly index: number;
  /** Number under which the object store knows it, 1 … 10 000, rising with `index`. */
  readonly number: number;
  readonly bytes: number;
  /** As the object store gave it, quotes included. */
  readonly etag: string;
}

/**
 * The pieces of each upload, for object stores: `SessionStore.commit` appends to it, so that a commit costs the
 * same however many there are. A part of the same index replaces the one before; `restart` removes all that
 * were there before that commit. It lives until the upload is finished or its bytes are deleted, at least.
 */
export interface PartList {
  /** In order of `index`; empty where there are none, or where the session is forgotten. */
  parts(sessionId: string): Promise<readonly Part[]>;
}

/** Where an upload's bytes are, as the blob store itself wrote it down. Null before the first byte. */
export interface BlobRef {
  readonly sessionId: string;
  readonly storage: string | null;
}

/** What is stored by now, in order, and where. */
export interface BlobProgress {
  readonly offset: number;
  readonly storage: string;
  /** Where the store keeps pieces: those the session store has not been told of. */
  readonly parts?: readonly Part[];
}

/**
 * Bytes of one upload by one writer. Not for concurrent use. `write` may buffer: only what `progress` tells
 * is stored and may be acknowledged.
 */
export interface BlobWriter {
  /** Append. Resolves when the store can take more (backpressure). The buffers belong to the writer until then. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  progress(): BlobProgress;
  /** The session store has acknowledged a progress with this `storage`: what only earlier ones named may go. */
  committed?(storage: string): void;
  /** Store everything written so far, then release what is open. After a failed write: only release. */
  close(): Promise<void>;
}

export interface BlobStore {
  readonly backend: 'disk' | 's3';
  /**
   * Open for writing at `offset`; whatever lies behind it is dropped. `length` is the total where known.
   * `sole`: the writer before is known to have stopped, so the same object may be written on; else the store
   * makes sure that a late write of the old writer cannot reach what this one writes.
   * `maxLength`: the most the upload may ever hold, for stores that plan ahead where `length` is not known.
   * `signal`: once aborted the writer takes in no more: a `write` that waits for room resolves, and `progress`
   * tells after `close` what was stored.
   */
  open(
    ref: BlobRef,
    at: {
      readonly offset: number;
      readonly length: number | null;
      readonly epoch: number;
      readonly sole: boolean;
      readonly maxLength?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<BlobWriter>;
  /** The first `length` bytes, or all from the start where `length` is left out; before or after `finalize`. */
  read(
    ref: BlobRef,
    options: { readonly length?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /** The final name that `finalize` will give the file. Pure. */
  storageKey(ref: BlobRef, createdAt: number, format: string | null): string;
  /** Make durable under its final name (fsync file and folder). Idempotent. */
  finalize(ref: BlobRef, storageKey: string): Promise<void>;
  /** Delete all bytes, partial or final, of an upload that was not settled. Idempotent. */
  discard(ref: BlobRef, storageKey: string | null): Promise<void>;
}

/** What happens to sessions, for whoever listens (audit, server-sent events). Never waited for. */
export interface SessionEvent {
  readonly type: 'created' | 'progress' | 'verifying' | 'completed' | 'failed' | 'cancelled' | 'expired';
  readonly sessionId: string;
  readonly userId: string;
  readonly uploadOffset: number;
  readonly uploadLength: number | null;
}

export interface Events {
  emit(event: SessionEvent): void;
}

/** A dependency that can say whether it is well. */
export interface Probe {
  readonly name: 'session_store' | 'ledger' | 'storage';
  /** Product behind it: `redis`, `sqlite`, `postgresql`, `disk`, `s3`. */
  readonly backend: string;
  /** Throws where it is not well. */
  check(): Promise<void>;
}
