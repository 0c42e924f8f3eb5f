/**
 * Every code a client can meet (the contract's table of errors). The HTTP status of each stands in
 * `http/problem.ts` and nowhere else.
 */
export const ERROR_CODES = [
  'INVALID_REQUEST',
  'UNAUTHENTICATED',
  'UNAUTHORIZED_ACCESS',
  'PERMISSION_DENIED',
  'CROSS_SITE_REQUEST',
  'SESSION_NOT_FOUND',
  'NOT_FOUND',
  'OFFSET_MISMATCH',
  'UPLOAD_COMPLETED',
  'CONFLICT',
  'SESSION_EXPIRED',
  'FILE_TOO_LARGE',
  'UNSUPPORTED_FORMAT',
  'UNSUPPORTED_MEDIA_TYPE',
  'IDEMPOTENCY_KEY_REUSED',
  'UPLOAD_LOCKED',
  'QUOTA_EXCEEDED',
  'SESSION_LIMIT_EXCEEDED',
  'RATE_LIMITED',
  'CHECKSUM_MISMATCH',
  'DIGEST_MISMATCH',
  'INFECTED',
  'REDIS_CONNECTION_ERROR',
  'LEDGER_UNAVAILABLE',
  'STORAGE_UNAVAILABLE',
  'STORAGE_FULL',
  'SESSION_CREATION_FAILED',
  'INTERNAL_ERROR',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * An expected "no": a value, not an exception. `message` is a sentence for people that says what to do
 * next; `details` is for programs; `retryAfterSeconds` becomes `Retry-After`.
 */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

/** What a use case gives back: the value, or the refusal that the caller must handle. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export function accepted<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function refused(
  code: ErrorCode,
  message: string,
  extra: Pick<Refusal, 'details' | 'retryAfterSeconds'> = {},
): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { code, message, ...extra } };
}

/**
 * A surprise: a store that is away, a full disk, a broken promise. `message` is safe to show to clients,
 * the true reason stands in `cause` and goes to the log alone.
 */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;
  /** Bytes that were acknowledged are not there. */
  readonly bytesAreLost: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number; bytesAreLost?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.bytesAreLost = options.bytesAreLost ?? false;
  }
}
