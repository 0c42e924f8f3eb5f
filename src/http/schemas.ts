import { type Static, Type } from 'typebox';
import { SESSION_STATUSES } from '../core/session.ts';

/** Bodies that several routes share, in the contract's member names. Sizes are bytes. */

const Bytes = (description: string) => Type.Integer({ minimum: 0, description });
const Time = (description: string) => Type.String({ format: 'date-time', description });
const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()]);

export const SessionStatus = Type.Object(
  {
    session_id: Type.String({ format: 'uuid' }),
    user_id: Type.String({ description: 'UUID of the owner, in lower case.' }),
    status: Type.Enum(SESSION_STATUSES),
    created_at: Time('When the session was created.'),
    expires_at: Time('When the session ends unless more bytes arrive.'),
    dashboard_context: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The context, exactly as it was sent.',
    }),
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
  { title: 'SessionStatus' },
);
export type SessionStatusBody = Static<typeof SessionStatus>;

export const Quota = Type.Object(
  {
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
  },
  { title: 'Quota' },
);
export type QuotaBody = Static<typeof Quota>;
