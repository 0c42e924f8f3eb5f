/** The data of one event, as API users read it. */
export interface LiveEvent {
  readonly type: 'progress' | 'completed' | 'failed' | 'expired' | 'cancelled';
  readonly session_id: string;
  readonly upload_offset: number;
  readonly upload_length: number | null;
  readonly status: string;
  /** Set where it failed. */
  readonly error_code?: string;
}

/** `id`: milliseconds, a dash, a number; ids of one user rise. */
export type LiveListener = (id: string, event: LiveEvent) => void;

/** What happens to a user's sessions while it happens, at whichever instance. */
export interface LiveFeed {
  /**
   * Events after `afterId`, as far as the last minute is remembered (none where it is null), then each as it
   * comes, in order. Resolves with the way to stop. Throws where nothing can be listened to now.
   */
  subscribe(userId: string, afterId: string | null, listener: LiveListener): Promise<() => void>;
}
