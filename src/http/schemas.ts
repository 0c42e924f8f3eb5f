import { type Static, type TSchema, Type } from 'typebox';
import { ERROR_CODES } from '../core/errors.ts';
import { SESSION_STATUSES } from '../core/session.ts';
import { parseUuid } from '../core/session-id.ts';

/** Schemas that several routes share, in the contract's member names. Sizes are bytes. */

const Bytes = (description: string) => Type.Integer({ minimum: 0, description });
export const Time = (description: string) => Type.String({ format: 'date-time', description });
const OrNull = <T extends TSchema>(type: T) => Type.Union([type, Type.Null()]);

/** Any 8-4-4-4-12 hex UUID whatever its version bits; compared in lower case. */
export const Uuid = (description: string) =>
  Type.Refine(
    Type.String({
      description,
      pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
      examples: ['12345678-1234-5678-9012-123456789012'],
    }),
    (value) => parseUuid(value) !== null,
    () => 'must be a UUID in its 36-character form',
  );

/** The free-form part that every session carries for the dashboard. */
export const Context = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  description: 'The context, exactly as it was sent.',
});

const sessionStatus = Type.Object(
  {
    session_id: Type.String({ format: 'uuid' }),
    user_id: Type.String({ description: 'UUID of the owner, in lower case.' }),
    status: Type.Enum(SESSION_STATUSES),
    created_at: Time('When the session was created.'),
    expires_at: Time('When the session ends unless more bytes arrive.'),
    dashboard_context: Context,
    upload_url: OrNull(
      Type.String({ description: 'Where the bytes go; null unless the session is active.' }),
    ),
    is_expired: Type.Boolean(),
    is_valid: Type.Boolean({ description: 'Whether the session still takes bytes.' }),
    expected_file_size: OrNull(Bytes('Declared size.')),
    file_format: OrNull(Type.String({ description: 'Container: as recognised, before that as declared.' })),
    filename: OrNull(Type.String()),
    upload_offset: Bytes('Bytes stored so far.'),
    upload_length: OrNull(Bytes('Length of the whole file; null while unknown.')),
    completed_at: OrNull(Time('When the upload was completed.')),
    sha256: OrNull(Type.String({ description: 'Digest of the finished file, before that as declared.' })),
    failure: OrNull(Type.Object({ error_code: Type.String(), error_message: Type.String() })),
  },
  { $id: 'SessionStatus', description: 'The session, as it is now.' },
);
export type SessionStatusBody = Static<typeof sessionStatus>;

const QUOTA_MEMBERS = {
  quota_limit: Bytes('Most that may be used in one period.'),
  quota_used: Bytes('Bytes of uploads completed in this period.'),
  quota_reserved: Bytes('Bytes promised to live sessions.'),
  quota_remaining: Bytes('Limit less used and reserved.'),
  quota_limit_gb: Type.Number({ description: 'GB of 1024³ bytes, two decimals; so the next two.' }),
  quota_used_gb: Type.Number(),
  quota_remaining_gb: Type.Number(),
  usage_percentage: Type.Number({ description: 'Used in percent of the limit, two decimals.' }),
  reset_date: Time('When the period ends and usage starts again from zero.'),
  active_sessions: Type.Integer({ minimum: 0 }),
  max_active_sessions: Type.Integer({ minimum: 1 }),
};

const quota = Type.Object(QUOTA_MEMBERS, { $id: 'Quota', description: 'The quota, as it is now.' });

const userUsage = Type.Object(
  {
    user_id: Type.String({ description: 'UUID of the user, in lower case.' }),
    limit_source: Type.Enum(['own', 'default'], {
      description: '`own`: an administrator has set the limit; else it is the configured default.',
    }),
    ...QUOTA_MEMBERS,
  },
  { $id: 'UserUsage', description: 'A user, and how his quota is.' },
);

const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What to do next; the same as `error_message`.' }),
    instance: Type.String({ description: 'Path of the request.' }),
    error_code: Type.Enum(ERROR_CODES),
    error_message: Type.String(),
    details: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'For programs. Of a bad request: `errors`, every fault as `{path, message}`; the path is a JSON pointer into the body, or begins with `query/`, `path/` or `header/`.',
    }),
    timestamp: Time('When the answer was made.'),
  },
  { $id: 'Problem', description: 'A problem as of RFC 9457.' },
);

/** What several routes answer with; the document has it once, and refers to it. */
export const SHARED_SCHEMAS = [sessionStatus, quota, userUsage, problem];

export const SessionStatus = Type.Unsafe<SessionStatusBody>({ $ref: 'SessionStatus#' });
export const UserUsage = Type.Unsafe<Static<typeof userUsage>>({ $ref: 'UserUsage#' });
export const Quota = Type.Unsafe<Static<typeof quota>>({ $ref: 'Quota#' });

/** For the document: answers with these statuses are problems. */
export function problems(...statuses: readonly number[]): Record<number, object> {
  // Whoever may be 401 may be told to come less often, too.
  const all = statuses.includes(401) ? [...new Set([...statuses, 429])] : statuses;
  return Object.fromEntries(
    all.map((status) => [
      status,
      {
        description: PROBLEM_MEANINGS[status] ?? 'The request failed.',
        content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
      },
    ]),
  );
}

const PROBLEM_MEANINGS: Readonly<Record<number, string>> = {
  400: 'INVALID_REQUEST: `details.errors` lists every fault.',
  401: 'UNAUTHENTICATED: no, bad or expired credentials.',
  403: "PERMISSION_DENIED, UNAUTHORIZED_ACCESS or CROSS_SITE_REQUEST: a missing permission; another user's session or a bad upload token; a cookie sent by another site.",
  404: 'SESSION_NOT_FOUND: unknown or forgotten.',
  409: 'UPLOAD_COMPLETED, OFFSET_MISMATCH or CONFLICT: ask how far the upload is.',
  410: 'SESSION_EXPIRED: the session ended before the upload was complete. Start a new one.',
  413: 'FILE_TOO_LARGE: over `max_file_size`.',
  412: 'INVALID_REQUEST: another version of tus than 1.0.0.',
  415: 'UNSUPPORTED_FORMAT or UNSUPPORTED_MEDIA_TYPE: a video in a format that is not taken, as declared or by its first bytes; a body of another content type.',
  422: 'IDEMPOTENCY_KEY_REUSED, DIGEST_MISMATCH or INFECTED: another request with a used key; a file that is not the declared one; malware.',
  423: 'UPLOAD_LOCKED: all bytes are stored, and the upload cannot be completed yet. See `Retry-After`.',
  429: 'QUOTA_EXCEEDED, SESSION_LIMIT_EXCEEDED or RATE_LIMITED: see `Retry-After`.',
  460: 'CHECKSUM_MISMATCH: the bytes do not match their checksum; the offset is unchanged.',
  500: 'SESSION_CREATION_FAILED or INTERNAL_ERROR.',
  507: 'STORAGE_FULL: there is no room for more bytes now; the offset stays true.',
  503: 'REDIS_CONNECTION_ERROR, LEDGER_UNAVAILABLE or STORAGE_UNAVAILABLE: what the service stands on is away; try again after `Retry-After` seconds.',
};
