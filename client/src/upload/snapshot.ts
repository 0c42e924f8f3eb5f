import type { SluiceApiError } from '../errors.ts';
import type { RetryPlan } from '../retry.ts';

export const UPLOAD_STATES = [
  'waiting',
  'hashing',
  'uploading',
  'paused',
  'verifying',
  'done',
  'failed',
  'expired',
  'cancelled',
] as const;

/**
 * `waiting`: for a free slot, or for the session. `paused`: nothing moves, the session lives and can be resumed.
 * `verifying`: all bytes are sent, the service has not yet said that the file is whole. The last four are ends.
 */
export type UploadState = (typeof UPLOAD_STATES)[number];

/** The session behind an upload, as far as the client knows. */
export interface UploadSession {
  readonly sessionId: string;
  /** Absolute; it carries the session's token: keep it out of logs. */
  readonly uploadUrl: string;
  /** RFC 3339; every stored byte moves it. */
  readonly expiresAt: string;
  /** True where the session was there before this upload. */
  readonly resumed: boolean;
}

export interface UploadProgress {
  /** Bytes on their way or stored. It may fall where a cut connection lost some. */
  readonly bytesUploaded: number;
  readonly bytesTotal: number;
  /** Mean of the last five seconds; null where nothing moves. */
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** Bytes hashed so far, with a progress of their own; 0 where nothing is hashed. */
  readonly bytesHashed: number;
}

/** Everything about an upload at one moment. A new object for every change, so that it can be compared by `===`. */
export interface UploadSnapshot extends UploadProgress {
  /** Of this upload, in this client: not the session's id. */
  readonly id: string;
  readonly filename: string;
  readonly state: UploadState;
  readonly session: UploadSession | null;
  /** Why it ended, or null. */
  readonly error: SluiceApiError | null;
  /** Set while the upload waits to try again, or for the network. */
  readonly retry: RetryPlan | null;
}

export function isFinal(state: UploadState): boolean {
  return state === 'done' || state === 'failed' || state === 'expired' || state === 'cancelled';
}
