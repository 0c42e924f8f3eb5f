import { ERROR_CODES, type Refusal } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import type { RequestBody } from './body.ts';

/** What a protocol asks of the engine: put these bytes there. */
export interface AppendRequest {
  /** As it was when the request was authorised. */
  readonly session: Session;
  readonly body: RequestBody;
  /** Who brings the bytes, for those who watch. */
  readonly protocol?: 'put' | 'tus' | 'ietf';
  /** Where the client says its bytes begin; `restart` throws away what is stored and begins at zero. */
  readonly start: number | 'restart';
  /** Total length where this request tells it, in bytes. It is set once. */
  readonly length: number | null;
  /** What completes the upload: the last byte of a known length (tus), or the end of this very body. */
  readonly completes: 'at_length' | 'at_end' | 'never';
  /** Digest of this request's bytes alone: nothing of it is acknowledged unless it matches. */
  readonly check?: BodyCheck;
  /** SHA-256 the whole file must have, where this request tells it: 64 lower-case hex digits. */
  readonly sha256?: string;
  /** Every check that needs no byte has passed: the moment for `100 Continue`, or a 104 of the IETF draft. */
  readonly onAdmitted?: () => void;
  /** Called while the request runs, after each commit that moved the offset. */
  readonly onProgress?: (offset: number) => void;
}

export interface BodyCheck {
  update(bytes: Uint8Array): void;
  /** Called once, when the body has ended: trailers are there. */
  matches(): boolean;
}

export type AppendResult =
  /** The body ended and all of it is acknowledged; the upload goes on. */
  | { readonly kind: 'stored'; readonly session: Session }
  /** Stored, verified, durable, settled. */
  | { readonly kind: 'completed'; readonly session: Session }
  /** It was complete before this request: nothing was read of it. */
  | { readonly kind: 'completed_before'; readonly session: Session }
  /** The true offset is the session's. Nothing was changed. */
  | { readonly kind: 'offset_mismatch'; readonly session: Session }
  /** The lengths that were told contradict each other. Bytes that came in are kept. */
  | { readonly kind: 'length_conflict'; readonly session: Session }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Nobody is there to be answered: the client went away, or is to be cut off. The bytes are kept. */
  | { readonly kind: 'cut'; readonly by: 'client' | 'idle' | 'slow' };

/** What a session that has ended says to whoever sends it bytes. Completed ones are for the protocols. */
export function endedRefusal(session: Session): Refusal {
  if (session.status === 'completed') {
    return {
      code: 'UPLOAD_COMPLETED',
      message: 'The upload is complete and takes no more bytes. Start a new session for another file.',
    };
  }
  const { failure } = session;
  const code = ERROR_CODES.find((known) => known === failure?.error_code);
  if (failure && code) return { code, message: failure.error_message };
  const why = session.status === 'cancelled' ? 'was cancelled' : 'has expired';
  return { code: 'SESSION_EXPIRED', message: `The upload session ${why}. Start a new one.` };
}

export const TAKEN_OVER: Refusal = {
  code: 'CONFLICT',
  message: 'A newer request took this upload over. Ask for the offset before you send more.',
};

export const SHUTTING_DOWN: Refusal = {
  code: 'STORAGE_UNAVAILABLE',
  message: 'The service is being restarted. Resume the upload from its offset in a moment.',
  retryAfterSeconds: 1,
};

export const SENT_DIRECTLY: Refusal = {
  code: 'CONFLICT',
  message: 'The parts of this upload go to the storage itself: ask for their URLs with POST …/parts.',
};

export const NO_SESSION: Refusal = {
  code: 'SESSION_NOT_FOUND',
  message: 'There is no such upload session: create a new one.',
};

export function tooLarge(session: Session, limit: number): Refusal {
  return {
    code: 'FILE_TOO_LARGE',
    message: `The upload may hold ${limit} bytes at most. Send no more than that, or choose a smaller file.`,
    details: { limit, max_file_size: session.maxFileSize },
  };
}

export const DIGEST_MISMATCH: Refusal = {
  code: 'DIGEST_MISMATCH',
  message:
    'The file is not the one that was declared: its sha256 differs. Start a new session and send it again.',
};

export const CHECKSUM_MISMATCH: Refusal = {
  code: 'CHECKSUM_MISMATCH',
  message: 'The bytes do not match their checksum. Send them again from the same offset.',
};
