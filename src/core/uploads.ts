import { createAccountBook } from './account-book.ts';
import { createAdmission, type Initiated, type InitiateRequest } from './admission.ts';
import { createEndings } from './endings.ts';
import type { Outcome } from './errors.ts';
import type { Background } from './give-way.ts';
import { createInspection, type SessionPage, type ValidateRequest, type Validation } from './inspection.ts';
import type { Accounts, BlobStore, DueSessions, Events, Ledger, SessionStore } from './ports.ts';
import type { QuotaSnapshot } from './quota.ts';
import type { Failure, Session } from './session.ts';
import { createSweep } from './sweep.ts';

/** Sizes are bytes, times milliseconds. */
export interface Limits {
  readonly maxFileSize: number;
  readonly sessionTtlMs: number;
  readonly maxLifetimeMs: number;
  readonly maxActiveSessions: number;
  /** Containers that are taken, in lower case; `*` takes any file and turns recognition off. */
  readonly allowedFormats: readonly string[] | '*';
}

export interface UploadsDeps {
  readonly store: SessionStore & Accounts & DueSessions;
  readonly ledger: Ledger;
  readonly blobs: BlobStore;
  readonly events: Events;
  readonly limits: Limits;
  readonly shardOf: (userId: string) => string;
}

/**
 * What can be done with upload sessions, whatever the transport. Moving the bytes is the engine's part: it
 * seals a session when all of them are stored, and then calls `complete`.
 */
export interface Uploads {
  readonly limits: Limits;
  initiate(request: InitiateRequest): Promise<Outcome<Initiated>>;
  validate(request: ValidateRequest): Promise<Outcome<Validation>>;
  /** One session, for its owner alone. */
  session(sessionId: string, userId: string): Promise<Outcome<Session>>;
  /** The user's live sessions, newest first. `after`: the cursor of the page before. */
  sessions(userId: string, page: { limit: number; after: string | null }): Promise<SessionPage>;
  quota(userId: string): Promise<QuotaSnapshot>;
  /** `null` follows the configured default from now on. */
  setLimit(userId: string, limitBytes: number | null): Promise<QuotaSnapshot>;
  resetPeriod(userId: string): Promise<QuotaSnapshot>;
  /** Durable, settled once, completed. The session is sealed and its bytes are verified. Idempotent. */
  complete(session: Session, contentSha256: string): Promise<Outcome<Session>>;
  /** End it without a file: reservation given back once, bytes deleted. A completed one stays completed. */
  fail(session: Session, failure: Failure): Promise<Session>;
  /** As `fail`, by its owner's wish; cancelling an ended session changes nothing, a completed one is 409. */
  cancel(session: Session): Promise<Outcome<Session>>;
  /** As `fail`, where nobody is to blame: its time is over, or it can never be completed. */
  expire(session: Session): Promise<Session>;
  /**
   * Expire what is due, delete bytes nobody will finish. Gives the number of sessions that were cleaned.
   * @param background what else is done while nobody waits; left out: nothing.
   */
  sweep(signal?: AbortSignal, background?: Background): Promise<number>;
}

export function createUploads(deps: UploadsDeps): Uploads {
  const accountBook = createAccountBook(deps);
  const endings = createEndings(deps);
  return {
    limits: deps.limits,
    ...createAdmission({ ...deps, accountBook }),
    ...createInspection(deps),
    quota: accountBook.quota,
    setLimit: accountBook.setLimit,
    resetPeriod: accountBook.resetPeriod,
    complete: endings.complete,
    fail: endings.fail,
    cancel: endings.cancel,
    expire: endings.expire,
    sweep: createSweep({ ...deps, endings }),
  };
}
