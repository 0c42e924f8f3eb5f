import type { Session } from './session.ts';

/**
 * Events for the world outside: webhooks, and whoever reads the Redis stream. They are written where the
 * truth is, in the ledger, and delivered from there at least once. Unlike `SessionEvent`, which is told and
 * forgotten, none of them is lost.
 */

type OutboxKind =
  | 'upload.completed'
  | 'upload.failed'
  | 'upload.expired'
  /** 80, 95 or 100 % of the quota are used: told once per threshold and period. */
  | 'quota.threshold';

/** Shares of the limit, in percent, that are told of when a settlement reaches them. */
export const QUOTA_THRESHOLDS = [80, 95, 100] as const;

export interface NewOutboxEvent {
  /** Made from what happened, not drawn: the same event has the same id however often it is told. No dots. */
  readonly id: string;
  readonly kind: OutboxKind;
  /** Id of the session or user it is about: events of one subject are delivered in their order. */
  readonly subject: string;
  /** What is told, as JSON text. */
  readonly payload: string;
}

export interface OutboxEvent extends Omit<NewOutboxEvent, 'kind'> {
  /** An `OutboxKind`, or one that a newer version has written. */
  readonly kind: string;
  /** When it happened, by the ledger's clock; milliseconds since the epoch. */
  readonly createdAt: number;
  /** How often it was claimed, this time included, since it was written or replayed. */
  readonly attempts: number;
}

export type OutboxStatus = 'pending' | 'delivered' | 'dead';

export interface OutboxRecord extends OutboxEvent {
  /** Order of writing; a cursor for `list`. */
  readonly sequence: number;
  readonly status: OutboxStatus;
  /** Where it is pending: not before then. */
  readonly nextAttemptAt: number;
  readonly deliveredAt: number | null;
  readonly lastError: string | null;
}

/**
 * The events that are still to be delivered. Any number of processes may work on it at once. Every operation
 * is one transaction, by the ledger's clock, and throws `LEDGER_UNAVAILABLE` as the ledger does.
 */
export interface Outbox {
  /**
   * Take up to `limit` events that are due, for `leaseMs`: until then nobody else gets them; afterwards they
   * are due again, so what a process took to its grave is delivered by another. Of each subject only the
   * oldest pending event is given out: the next one follows when that one is delivered or dead.
   */
  claim(limit: number, leaseMs: number): Promise<OutboxEvent[]>;
  /** They have arrived, whoever holds the leases by now. Idempotent. */
  delivered(...ids: readonly string[]): Promise<void>;
  /**
   * It did not arrive: due again in `retryInMs`, or dead where that is null. Changes nothing where somebody
   * else has claimed it since, or where it has arrived.
   */
  failed(event: OutboxEvent, reason: string, retryInMs: number | null): Promise<void>;
  /** Newest first, from below `before` (a `sequence`) on; where `after` is given, oldest first, from above it on. */
  list(page: {
    readonly status?: OutboxStatus;
    readonly before?: number;
    readonly after?: number;
    readonly limit: number;
  }): Promise<OutboxRecord[]>;
  /** Deliver these once more, from the first attempt on, whatever became of them. Gives how many there are. */
  replay(ids: readonly string[]): Promise<number>;
  /** Forget up to `limit` events that were delivered and are older than `ageMs`. Gives how many. */
  prune(ageMs: number, limit: number): Promise<number>;
}

/** How much is waiting, for those who watch. */
export interface OutboxBacklog {
  /** Events that are pending, and the age of the oldest in milliseconds by the ledger's clock; 0 where none is. */
  backlog(): Promise<{ readonly pending: number; readonly oldestMs: number }>;
}

/** The event of a session that ended without a file; null for endings that nobody is told of. */
export function endingEvent(session: Session): NewOutboxEvent | null {
  const { sessionId, userId, status } = session;
  if (status !== 'failed' && status !== 'expired') return null;
  return {
    id: `upload-${status}-${sessionId}`,
    kind: `upload.${status}`,
    subject: sessionId,
    payload: JSON.stringify({
      session_id: sessionId,
      user_id: userId,
      upload_offset: session.uploadOffset,
      upload_length: session.uploadLength,
      filename: session.filename,
      // As text: it goes back byte for byte as it came.
      dashboard_context: session.dashboardContext,
      created_at: new Date(session.createdAt).toISOString(),
      failure: session.failure,
    }),
  };
}
