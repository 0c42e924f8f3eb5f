import type { QuotaSnapshot } from '../quota.ts';
import type { Failure, Session, SessionDraft } from '../session.ts';
import type { Part } from './blobs.ts';
import type { Completion } from './ledger.ts';

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
      /** Whether somebody may listen to the user's live events: where not, nobody has to be told of a new session. */
      readonly isListenedTo: boolean;
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
  /** With `seal`: the digest that the last request told, 64 hex digits. Kept where none was declared before. */
  readonly sha256?: string;
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
