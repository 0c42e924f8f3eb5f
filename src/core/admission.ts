import { createHash } from 'node:crypto';
import type { AccountBook } from './account-book.ts';
import { accepted, type Outcome, refused } from './errors.ts';
import type { Events, SessionStore } from './ports.ts';
import { type QuotaSnapshot, quotaReport } from './quota.ts';
import type { Session, SessionDraft } from './session.ts';
import { newSessionId } from './session-id.ts';
import type { Limits } from './uploads.ts';

export interface InitiateRequest {
  readonly userId: string;
  readonly draft: SessionDraft;
  /** The client's `Idempotency-Key`, 1–255 visible ASCII characters, or null. */
  readonly idempotencyKey: string | null;
  /** The client will send the bytes to the storage itself. */
  readonly direct?: boolean;
  /**
   * A final upload: its id, and how many partial uploads it is made of. It reserves nothing, since it takes over
   * what they have reserved, and it may be there beside them, since they end with it.
   */
  readonly concatenates?: { readonly sessionId: string; readonly partials: number };
}

export interface Initiated {
  readonly session: Session;
  /** The account right after this reservation. */
  readonly quota: QuotaSnapshot;
  /** The same key and body had made this session before. */
  readonly replayed: boolean;
}

interface Deps {
  readonly store: SessionStore;
  readonly accountBook: AccountBook;
  readonly events: Events;
  readonly limits: Limits;
  readonly shardOf: (userId: string) => string;
}

export function createAdmission({ store, accountBook, events, limits, shardOf }: Deps) {
  async function initiate(request: InitiateRequest): Promise<Outcome<Initiated>> {
    const { userId, draft, idempotencyKey, direct = false, concatenates } = request;
    const refusal = checkDraft(draft, limits);
    if (refusal) return refusal;

    const admission = {
      sessionId: concatenates?.sessionId ?? newSessionId(shardOf(userId)),
      userId,
      draft,
      requestedBytes: concatenates ? 0 : draft.expectedFileSize,
      maxFileSize: limits.maxFileSize,
      maxActiveSessions: limits.maxActiveSessions + (concatenates?.partials ?? 0),
      ttlMs: limits.sessionTtlMs,
      maxLifetimeMs: limits.maxLifetimeMs,
      idempotency:
        idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprint(draft, direct) },
    };
    const result = await accountBook.withAccount(userId, () => store.admit(admission));

    switch (result.kind) {
      case 'admitted':
        if (!result.replayed && result.isListenedTo) {
          const { sessionId, uploadOffset, uploadLength } = result.session;
          events.emit({ type: 'created', sessionId, userId, uploadOffset, uploadLength });
        }
        return accepted({ session: result.session, quota: result.quota, replayed: result.replayed });
      case 'idempotency_key_reused':
        return refused(
          'IDEMPOTENCY_KEY_REUSED',
          'This Idempotency-Key was used with another request. Send a new key with a new request.',
        );
      case 'too_many_sessions':
        return refused(
          'SESSION_LIMIT_EXCEEDED',
          `You have ${limits.maxActiveSessions} live upload sessions, the most allowed. Finish or cancel one first.`,
          {
            details: { ...quotaReport(result.quota, limits.maxActiveSessions) },
            retryAfterSeconds: secondsUntil(result.retryAt, result.now),
          },
        );
      case 'quota_exceeded':
        return quotaExceeded(
          result,
          limits.maxActiveSessions,
          draft.expectedFileSize === null ? NOTHING_LEFT : TOO_LARGE,
        );
    }
  }

  return { initiate };
}

const TOO_LARGE =
  'This upload does not fit into your remaining quota. Choose a smaller file, or wait until space is free.';
/** Where no size was told: such an upload takes all there is, which is what the next one then meets. */
const NOTHING_LEFT =
  'Nothing is left of your quota. Finish or cancel an upload, or wait until space is free. Send expected_file_size, so that an upload holds no more than it needs.';

/** The refusal of the contract's table: how much is missing, and when trying again could help. */
export function quotaExceeded(
  result: {
    readonly quota: QuotaSnapshot;
    readonly required: number;
    readonly retryAt: number;
    readonly now: number;
  },
  maxActiveSessions: number,
  message = TOO_LARGE,
): Outcome<never> {
  return refused('QUOTA_EXCEEDED', message, {
    details: { ...quotaReport(result.quota, maxActiveSessions), required: result.required },
    retryAfterSeconds: secondsUntil(result.retryAt, result.now),
  });
}

function checkDraft(draft: SessionDraft, limits: Limits): Outcome<never> | null {
  const { expectedFileSize, fileFormat } = draft;
  if (expectedFileSize !== null && expectedFileSize > limits.maxFileSize) {
    return refused(
      'FILE_TOO_LARGE',
      `The file is larger than the ${limits.maxFileSize} bytes allowed. Choose a smaller file.`,
      {
        details: { expected_file_size: expectedFileSize, max_file_size: limits.maxFileSize },
      },
    );
  }
  if (fileFormat !== null && limits.allowedFormats !== '*' && !limits.allowedFormats.includes(fileFormat)) {
    return refused(
      'UNSUPPORTED_FORMAT',
      `This file format is not accepted. Send one of: ${limits.allowedFormats.join(', ')}.`,
      {
        details: { file_format: fileFormat, allowed_formats: limits.allowedFormats },
      },
    );
  }
  return null;
}

/** What "the same body" means for an idempotency key: everything the draft was made from. */
function fingerprint(draft: SessionDraft, direct: boolean): string {
  const parts = [
    draft.dashboardContext,
    draft.expectedFileSize,
    draft.fileFormat,
    draft.filename,
    draft.sha256,
    draft.uploadMetadata,
    ...(direct ? ['direct'] : []),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function secondsUntil(moment: number, now: number): number {
  return Math.max(1, Math.ceil((moment - now) / 1000));
}
