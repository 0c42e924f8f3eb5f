/**
 * The session and its state machine: `active → completed | failed | cancelled | expired`. All but
 * `active` are final. "Verifying" is a moment inside completion and is never stored.
 */
export const SESSION_STATUSES = ['active', 'completed', 'failed', 'cancelled', 'expired'] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

export const FILE_FORMATS = ['mp4', 'avi', 'mov', 'mkv', 'webm'] as const;

/** Why a session failed, in the words of the error table. */
export interface Failure {
  readonly error_code: string;
  readonly error_message: string;
}

/** What is fixed when the session is created. Sizes are bytes, times milliseconds since the epoch. */
export interface SessionDraft {
  /** The dashboard's context, as JSON text, byte for byte as it is to be given back. */
  readonly dashboardContext: string;
  /** Declared size, 1 … max file size; null where it was not declared. */
  readonly expectedFileSize: number | null;
  /** Declared container in lower case, or null. */
  readonly fileFormat: string | null;
  /** Name for people, at most 255 characters; never a path. */
  readonly filename: string | null;
  /** Declared digest of the whole file, 64 lower-case hex digits, or null. */
  readonly sha256: string | null;
  /** tus `Upload-Metadata` as sent, or null. */
  readonly uploadMetadata: string | null;
  /** tus `Upload-Concat` as sent: `partial`, or `final;` and the partial uploads; left out for all others. */
  readonly uploadConcat?: string;
}

/** Part of an upload whose other parts come in beside it: never verified, never complete by itself. */
export function isPartialUpload({ uploadConcat }: Pick<SessionDraft, 'uploadConcat'>): boolean {
  return uploadConcat === 'partial';
}

/** A session as its store knows it at one moment. */
export interface Session extends SessionDraft {
  readonly sessionId: string;
  readonly userId: string;
  readonly status: SessionStatus;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** The most this session may ever hold, in bytes. */
  readonly maxFileSize: number;
  /** Bytes reserved for it now; 0 once given back or settled. */
  readonly reservedBytes: number;
  /** Bytes acknowledged: stored, in order. */
  readonly uploadOffset: number;
  /** Total length; null while unknown. Set once. */
  readonly uploadLength: number | null;
  /** Writer epoch: the fencing number; each `take` raises it by one. */
  readonly epoch: number;
  /** Instance that took the session last; null before the first byte. */
  readonly writer: string | null;
  /** True from the moment all bytes are stored and verification begins: from then on bytes never change. */
  readonly sealed: boolean;
  /** What the blob store needs to find the bytes again; opaque to everybody else. */
  readonly storage: string | null;
  /** Container that was recognised in the first bytes. */
  readonly detectedFormat: string | null;
  /** Digest of the finished file, 64 hex digits. */
  readonly contentSha256: string | null;
  readonly completedAt: number | null;
  readonly failure: Failure | null;
  /** The final upload that this partial upload has become a part of; left out for all others. */
  readonly mergedInto?: string;
}

/** The status a reader must see: an active session past its time has expired, whether swept or not. */
export function statusAt(
  session: Pick<Session, 'status' | 'expiresAt' | 'sealed'>,
  now: number,
): SessionStatus {
  if (session.status !== 'active') return session.status;
  return now >= session.expiresAt && !session.sealed ? 'expired' : 'active';
}

/** Each stored byte moves the expiry to now + ttl, but never past creation + maximum lifetime. */
export function renewedExpiry(now: number, createdAt: number, ttlMs: number, maxLifetimeMs: number): number {
  return Math.min(now + ttlMs, createdAt + maxLifetimeMs);
}
