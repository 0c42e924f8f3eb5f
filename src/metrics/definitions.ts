import type { ErrorCode } from '../core/errors.ts';

/**
 * Every metric of the service, once: docs/metrics.md is made from this table. Units are base units (seconds,
 * bytes). Labels have few values and never name a user, a session or a file.
 */

/** How the values of several workers become one. */
type Aggregator = 'sum' | 'max' | 'first';

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each label with its values; a text where they cannot be listed here. */
  readonly labels?: Readonly<Record<string, readonly string[] | string>>;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
  readonly aggregator?: Aggregator;
  /** State that all processes share: one of them reports it, those of several machines each the same. */
  readonly shared?: true;
}

/** As label values; what cannot happen here is left out. */
const named = (...codes: readonly ErrorCode[]): readonly string[] => codes.map((code) => code.toLowerCase());

const INITIATE_REFUSALS = named(
  ...(['INVALID_REQUEST', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'CROSS_SITE_REQUEST'] as const),
  ...(['FILE_TOO_LARGE', 'UNSUPPORTED_FORMAT', 'UNSUPPORTED_MEDIA_TYPE', 'IDEMPOTENCY_KEY_REUSED'] as const),
  ...(['QUOTA_EXCEEDED', 'SESSION_LIMIT_EXCEEDED', 'RATE_LIMITED'] as const),
  ...(['REDIS_CONNECTION_ERROR', 'LEDGER_UNAVAILABLE', 'STORAGE_UNAVAILABLE', 'STORAGE_FULL'] as const),
  ...(['SESSION_CREATION_FAILED', 'INTERNAL_ERROR'] as const),
);
/** Why a file is refused for good. */
const FAILURES = named('UNSUPPORTED_FORMAT', 'FILE_TOO_LARGE', 'DIGEST_MISMATCH', 'INFECTED');
const BACKENDS = ['disk', 's3'] as const;

/** What one answer takes that moves no file. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Whole requests, uploads included. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1800];
const STORAGE_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];
const UPLOAD_SECONDS = [0.5, 1, 5, 10, 30, 60, 300, 900, 1800, 3600, 14_400, 86_400];
const DELAY_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

export const METRICS = {
  http_server_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the head of a request to the end of its answer, or to the loss of its connection.',
    labels: {
      method: 'method of HTTP, or `other`',
      route: 'template such as `/v1/uploads/:session_id`; empty where no route is there',
      status_code: 'status of HTTP, or `aborted` where the connection was lost before there was an answer',
    },
    buckets: REQUEST_SECONDS,
  },
  upload_initiate_total: {
    type: 'counter',
    help: 'Requests for a session, by what became of them: initiate, and creation by tus and IETF clients.',
    labels: { outcome: ['accepted', 'replayed', 'aborted', ...INITIATE_REFUSALS] },
  },
  quota_admission_duration_seconds: {
    type: 'histogram',
    help: 'Time to decide on a reservation, the account loaded from the ledger where need be.',
    buckets: CALL_SECONDS,
  },
  quota_reserved_bytes: {
    type: 'gauge',
    help: 'Bytes that live sessions of all users have reserved, as of the last pass of the reconciler.',
    aggregator: 'max',
    shared: true,
  },
  quota_expired_reservations_total: {
    type: 'counter',
    help: 'Reservations that were given back because their session expired.',
  },
  quota_drift_bytes: {
    type: 'gauge',
    help: 'Bytes by which accounts had drifted from the ledger at the last pass of the reconciler, which healed them.',
    aggregator: 'max',
    shared: true,
  },
  upload_sessions_active: {
    type: 'gauge',
    help: 'Live sessions of all users, as of the last pass of the reconciler.',
    aggregator: 'max',
    shared: true,
  },
  upload_bytes_received_total: {
    type: 'counter',
    help: 'Bytes of files that came in and were acknowledged, counted as they are. What a plain PUT sends once more counts once more.',
    labels: { protocol: ['put', 'tus', 'ietf', 'direct'], backend: BACKENDS },
  },
  upload_completed_total: {
    type: 'counter',
    help: 'Sessions that ended: with a file (`completed`), without one, or with a file that was refused (its error code).',
    labels: { outcome: ['completed', 'cancelled', 'expired', ...FAILURES] },
  },
  upload_duration_seconds: {
    type: 'histogram',
    help: 'Time from the creation of a session to the completion of its upload.',
    buckets: UPLOAD_SECONDS,
  },
  upload_resume_total: {
    type: 'counter',
    help: 'Requests that went on with an upload at an offset above zero.',
  },
  upload_offset_conflict_total: {
    type: 'counter',
    help: 'Requests that were refused because their offset was not that of the upload.',
  },
  upload_aborted_total: {
    type: 'counter',
    help: 'Requests whose bytes were coming in when they were broken off; what had come is kept.',
    labels: {
      reason: ['client', 'idle', 'slow', 'taken_over', 'shutdown', 'session_ended', 'refused', 'fault'],
    },
  },
  upload_lost_acknowledged_bytes_total: {
    type: 'counter',
    help: 'Bytes that were acknowledged and are not in the storage, found when an upload went on, was forced to the disk or was verified. Must stay 0.',
  },
  storage_op_duration_seconds: {
    type: 'histogram',
    help: 'Time of one operation of the blob store. A `write` is one batch; on S3 it may only fill a part.',
    labels: {
      backend: BACKENDS,
      op: ['open', 'write', 'close', 'finalize', 'discard', 'join'],
      outcome: ['ok', 'full', 'error'],
    },
    buckets: STORAGE_SECONDS,
  },
  multipart_orphans: {
    type: 'gauge',
    help: 'Unfinished things in the bucket that belonged to no live session at the last look, which removed them.',
    aggregator: 'max',
    shared: true,
  },
  settlement_duration_seconds: {
    type: 'histogram',
    help: 'Time of the transaction in the ledger that counts an upload.',
    buckets: CALL_SECONDS,
  },
  outbox_pending: {
    type: 'gauge',
    help: 'Events that wait to be delivered. Reported where a webhook or a stream is there to receive them.',
    aggregator: 'max',
    shared: true,
  },
  outbox_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest event that waits to be delivered; 0 where none does.',
    aggregator: 'max',
    shared: true,
  },
  webhook_attempts_total: {
    type: 'counter',
    help: 'Attempts to deliver an event to the webhook.',
    labels: { outcome: ['delivered', 'failed'] },
  },
  webhook_first_attempt_delay_seconds: {
    type: 'histogram',
    help: 'Time from an event to the first attempt to deliver it to the webhook.',
    buckets: DELAY_SECONDS,
  },
  redis_command_duration_seconds: {
    type: 'histogram',
    help: 'Time of one script in Redis, which is what sessions, permits and leases are made of.',
    labels: { cmd: 'name of the script, such as `admit`', outcome: ['ok', 'error'] },
    buckets: CALL_SECONDS,
  },
  redis_breaker_state: {
    type: 'gauge',
    help: 'Whether calls to Redis are refused without asking it: 0 no, 1 one call looks whether it is back, 2 yes. The worst node of a Cluster.',
    aggregator: 'max',
  },
  auth_failures_total: {
    type: 'counter',
    help: 'Requests that were refused for their credentials or permissions.',
    labels: {
      scheme: ['none', 'bearer', 'cookie', 'upload_token'],
      reason: [
        'missing_credentials',
        'invalid_request',
        'invalid_token',
        'invalid_cookie',
        'not_signed_in',
        'no_user',
        'cross_site',
        'missing_permission',
        'foreign_session',
      ],
    },
  },
  sluice_build_info: {
    type: 'gauge',
    help: 'Always 1; which version of the service runs on which Node.',
    labels: { version: 'of the service', node_version: 'of Node' },
    aggregator: 'first',
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
