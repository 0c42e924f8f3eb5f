/** Milliseconds since the epoch. Used by embedded adapters only: Redis and PostgreSQL have their own clock. */
export interface Clock {
  now(): number;
}

/** What happens to sessions, for whoever listens (audit, server-sent events). Never waited for. */
export interface SessionEvent {
  readonly type: 'created' | 'progress' | 'verifying' | 'completed' | 'failed' | 'cancelled' | 'expired';
  readonly sessionId: string;
  readonly userId: string;
  readonly uploadOffset: number;
  readonly uploadLength: number | null;
  /** Why it failed, where it did. */
  readonly errorCode?: string;
}

export interface Events {
  emit(event: SessionEvent): void;
}

/** A dependency that can say whether it is well. */
export interface Probe {
  readonly name: 'session_store' | 'ledger' | 'storage';
  /** Product behind it: `redis`, `sqlite`, `postgresql`, `disk`, `s3`. */
  readonly backend: string;
  /** Throws where it is not well. */
  check(): Promise<void>;
}
