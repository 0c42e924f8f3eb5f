import type { InitiateRequest, SessionStatus } from '../api/types.ts';
import type { UploadProgress, UploadSnapshot, UploadState } from './snapshot.ts';

export type DashboardContext = InitiateRequest['dashboard_context'];

export interface UploadOptions {
  /** Defaults to section `video_analysis`, workflow `single_upload`. The rest comes back exactly as sent. */
  readonly context?: Partial<DashboardContext>;
  /** Default: the file's own name. */
  readonly filename?: string;
  /** Declare the container (`mp4`, …): another one is refused. Default: whatever the first bytes say. */
  readonly format?: string;
  /**
   * Hash the file first; the service then refuses it unless it arrived bit for bit. Default: only for `direct`
   * transfers, where the service does not see the bytes on their way.
   */
  readonly sha256?: boolean;
  /**
   * `auto` (default) goes on with a live session of the same file name and size, begun here or elsewhere; `never`
   * begins anew; or the session to go on with, as `sessions()` lists it.
   */
  readonly resume?: 'auto' | 'never' | SessionStatus;
  /**
   * `direct` sends parts in parallel straight to the object store; default `tus`, through the service. A session
   * that is gone on with keeps the way it was begun with.
   */
  readonly transfer?: 'tus' | 'direct';
  /** Aborting stops the transfer and leaves the session resumable. */
  readonly signal?: AbortSignal;
  /** At most some ten times a second. */
  readonly onProgress?: (progress: UploadProgress, upload: UploadSnapshot) => void;
  readonly onState?: (state: UploadState, upload: UploadSnapshot) => void;
}

export function declaresDigest(options: Pick<UploadOptions, 'sha256' | 'transfer'>): boolean {
  return options.sha256 ?? options.transfer === 'direct';
}
