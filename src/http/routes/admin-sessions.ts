import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { adminSessionDetail, adminSessionView, cancellationView } from '../../administration/session-view.ts';
import { accepted, type Outcome, type Refusal } from '../../core/errors.ts';
import { SESSION_STATUSES } from '../../core/session.ts';
import type { Cancellation, SessionFilter, SessionList } from '../../core/session-list.ts';
import { auditCancellations } from '../../log/audit-administration.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { linkNextPage } from '../next-page.ts';
import { sendRefusal } from '../problem.ts';
import { problems, Time, Uuid } from '../schemas.ts';
import type { AdminRouteDeps } from './admin-deps.ts';

const Bytes = Type.Integer({ minimum: 0 });
const OrNull = <T extends Parameters<typeof Type.Array>[0]>(type: T) => Type.Union([type, Type.Null()]);
const Next = Type.Union([Type.String(), Type.Null()], {
  description:
    'Cursor of the next page; null on the last. A page may be short, even empty, and not the last.',
});

const ADMIN_SESSION = {
  session_id: Type.String({ format: 'uuid' }),
  user_id: Type.String(),
  status: Type.Enum(SESSION_STATUSES),
  created_at: Type.String({ format: 'date-time' }),
  expires_at: Type.String({ format: 'date-time' }),
  reserved_bytes: Bytes,
  upload_offset: Bytes,
  upload_length: OrNull(Bytes),
  file_format: OrNull(Type.String()),
};

const AdminSession = Type.Object(ADMIN_SESSION, { title: 'AdminSession' });

const AdminSessionDetail = Type.Object(
  {
    ...ADMIN_SESSION,
    verifying: Type.Boolean({ description: 'All bytes are there, and are being verified.' }),
    writer: OrNull(Type.String({ description: 'The instance that took bytes for it last.' })),
    writer_epoch: Type.Integer({ minimum: 0, description: 'How often a request took the upload over.' }),
    completed_at: OrNull(Type.String({ format: 'date-time' })),
    sha256: OrNull(Type.String()),
    failure: OrNull(Type.Object({ error_code: Type.String(), error_message: Type.String() })),
  },
  { title: 'AdminSessionDetail', description: 'The session.' },
);

const NO_SESSION: Refusal = {
  code: 'SESSION_NOT_FOUND',
  message: 'There is no such upload session, or it ended so long ago that it is forgotten.',
};

const FILTERS = {
  user_id: Type.Optional(Uuid('Only sessions of this user.')),
  created_before: Type.Optional(Time('Only sessions created before this moment.')),
  created_after: Type.Optional(Time('Only sessions created at or after this moment.')),
};
const Limit = (most: number) =>
  Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: most, description: 'Most in one answer.' }),
  );
const After = Type.Optional(
  Type.String({
    pattern: '^[0-9a-f-]{36}_[0-9]{1,16}\\.[0-9a-f-]{36}$',
    description: '`next` of the page before.',
  }),
);

const Query = Type.Object({
  ...FILTERS,
  without_bytes: Type.Optional(
    Type.Enum(['true', 'false'], { default: 'false', description: 'Only those that no byte has reached.' }),
  ),
  limit: Limit(100),
  after: After,
});

const Cancel = Type.Refine(
  Type.Object({
    session_ids: Type.Optional(
      Type.Array(Uuid('A session.'), { minItems: 1, maxItems: 500, description: 'These sessions.' }),
    ),
    all: Type.Optional(Type.Literal(true, { description: 'All live sessions that the filters leave.' })),
    ...FILTERS,
    without_bytes: Type.Optional(
      Type.Boolean({ default: false, description: 'Only those that no byte has reached.' }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ default: false, description: 'Only report what would be cancelled.' }),
    ),
    limit: Limit(100),
    after: After,
  }),
  ({ session_ids, all, user_id }) =>
    [session_ids, all, user_id].filter((one) => one !== undefined).length === 1,
  () => 'must have exactly one of session_ids, user_id and all',
);

const Cancelled = Type.Object(
  {
    dry_run: Type.Boolean(),
    cancelled: Type.Integer({ minimum: 0 }),
    sessions: Type.Array(
      Type.Object({
        session_id: Type.String(),
        user_id: OrNull(Type.String()),
        result: Type.Enum(['cancelled', 'would_cancel', 'completed', 'ended', 'not_found', 'failed']),
      }),
    ),
    next: Next,
  },
  { title: 'Cancelled', description: 'What became of each session.' },
);

const tags = ['operations'];
const security = [{ bearer: [] }];

/** GET /v1/admin/sessions, GET /v1/admin/sessions/{session_id} and POST /v1/admin/sessions/cancel. */
export const adminSessionRoutes: FastifyPluginCallbackTypebox<AdminRouteDeps> = (
  app,
  { administration: { sessions }, authenticate, audit },
  done,
) => {
  const onRequest = callerGuard(authenticate, { permission: 'manage_quota' });

  app.get(
    '/sessions',
    {
      onRequest,
      schema: {
        operationId: 'listAllSessions',
        summary: 'List the live sessions of a user, or of all',
        description: 'User by user, newest first.',
        tags,
        security,
        querystring: Query,
        response: {
          200: Type.Object(
            { sessions: Type.Array(AdminSession), next: Next },
            { description: 'One page of sessions.' },
          ),
          ...problems(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after = null, without_bytes, ...query } = request.query;
      const filter = filterOf({ ...query, without_bytes: without_bytes === 'true' });
      const page = await sessions.page(filter, { limit, after });
      if (!page.ok) return sendRefusal(reply, page.refusal);
      linkNextPage(reply, page.value.next);
      return { sessions: page.value.sessions.map(adminSessionView), next: page.value.next };
    },
  );

  app.get(
    '/sessions/:session_id',
    {
      onRequest,
      schema: {
        operationId: 'showSession',
        summary: 'One session of any user, live or ended lately',
        description:
          'What administrators ask when an upload gives trouble: how far it is, who writes it, why it failed.',
        tags,
        security,
        params: Type.Object({ session_id: Uuid('The session.') }),
        response: { 200: AdminSessionDetail, ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const session = await sessions.find(request.params.session_id.toLowerCase());
      return session ? adminSessionDetail(session) : sendRefusal(reply, NO_SESSION);
    },
  );

  app.post(
    '/sessions/cancel',
    {
      onRequest,
      schema: {
        operationId: 'cancelSessions',
        summary: 'Cancel sessions: these, those of a user, or all',
        description:
          'Stops running transfers, discards their bytes and gives the reservations back. With filters one page of sessions at a time: go on with `next` until it is null.',
        tags,
        security,
        body: Cancel,
        response: { 200: Cancelled, ...problems(400, 401, 403, 415, 503) },
      },
    },
    async (request, reply) => {
      const chosen = await choose(sessions, request.body);
      if (!chosen.ok) return sendRefusal(reply, chosen.refusal);
      const { ids, next } = chosen.value;
      const dryRun = request.body.dry_run === true;
      const results: readonly Cancellation[] = await sessions.cancelAll(ids, { dryRun });
      if (audit) {
        const by = audit.subject(callerOf(request).userId);
        auditCancellations(audit, { by, sessions: results }, request.log);
      }
      return {
        dry_run: dryRun,
        cancelled: results.filter(({ result }) => result === 'cancelled').length,
        sessions: results.map(cancellationView),
        next,
      };
    },
  );
  done();
};

/** The sessions that a request is about. */
async function choose(
  sessions: SessionList,
  body: Static<typeof Cancel>,
): Promise<Outcome<{ readonly ids: readonly string[]; readonly next: string | null }>> {
  if (body.session_ids !== undefined) {
    return accepted({ ids: [...new Set(body.session_ids.map((id) => id.toLowerCase()))], next: null });
  }
  const page = await sessions.page(filterOf(body), { limit: body.limit ?? 100, after: body.after ?? null });
  if (!page.ok) return page;
  return accepted({ ids: page.value.sessions.map(({ sessionId }) => sessionId), next: page.value.next });
}

function filterOf(given: {
  readonly user_id?: string;
  readonly created_before?: string;
  readonly created_after?: string;
  readonly without_bytes?: boolean;
}): SessionFilter {
  const moment = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  return {
    userId: given.user_id?.toLowerCase(),
    createdBefore: moment(given.created_before),
    createdAfter: moment(given.created_after),
    withoutBytes: given.without_bytes,
  };
}
