/** Every `error_code` that the service can answer with; a test holds it against the service's own list. */
export const SERVER_ERROR_CODES = [
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

/** What only the client can know. */
export const CLIENT_ERROR_CODES = [
  /** No answer: no network, a closed connection, or silence for too long. */
  'NETWORK_ERROR',
  /** An answer that is not Sluice's, of a proxy for instance. */
  'UNEXPECTED_RESPONSE',
  /** The file could not be read, or changed since it was chosen. */
  'FILE_UNREADABLE',
  /** The session to go on with belongs to a file of another size or digest. */
  'WRONG_FILE',
  /** Another tab, device, or upload of this client is sending to that session. */
  'UPLOAD_IN_USE',
  /** `cancel()` was called here, or the session was cancelled elsewhere. */
  'UPLOAD_CANCELLED',
] as const;

export type ServerErrorCode = (typeof SERVER_ERROR_CODES)[number];
export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];

/** The known codes; a newer service may know more, so every reader needs a default. */
export type ErrorCode = ServerErrorCode | ClientErrorCode | (string & {});

export interface ApiErrorOptions {
  /** HTTP status; 0 where there was no answer. */
  readonly status?: number;
  readonly retryAfterSeconds?: number | null;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error that this package throws on purpose. `message` is a sentence for people. */
export class SluiceApiError extends Error {
  override readonly name = 'SluiceApiError';
  readonly code: ErrorCode;
  readonly status: number;
  /** Seconds after which it may succeed, as the service said; null where it said nothing. */
  readonly retryAfterSeconds: number | null;
  /** For programs: what the service put into `details` (the quota, the missing permission, …). */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 0;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.details = options.details ?? {};
  }
}

/** Whether it is one; also across two copies of this package. */
export function isSluiceApiError(error: unknown): error is SluiceApiError {
  return error instanceof Error && error.name === 'SluiceApiError' && 'code' in error;
}

/** Anything that was thrown, as a `SluiceApiError`. */
export function toApiError(error: unknown): SluiceApiError {
  if (isSluiceApiError(error)) return error;
  if (error instanceof Error && error.name === 'NotReadableError') {
    return new SluiceApiError('FILE_UNREADABLE', 'The file can no longer be read: choose it again.', {
      cause: error,
    });
  }
  return new SluiceApiError('NETWORK_ERROR', 'The service could not be reached: check the connection.', {
    cause: error,
  });
}

const PASSING_CODES = new Set<ErrorCode>([
  'NETWORK_ERROR',
  'OFFSET_MISMATCH',
  'CONFLICT',
  'UPLOAD_LOCKED',
  'RATE_LIMITED',
  'CHECKSUM_MISMATCH',
]);

/** Whether the same request may succeed if it is only repeated later. */
export function isPassing(error: SluiceApiError): boolean {
  return PASSING_CODES.has(error.code) || error.status === 408 || error.status >= 500;
}
