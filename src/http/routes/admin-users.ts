import { Readable } from 'node:stream';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { EXPORT_FORMATS, EXPORT_TYPES, usageFile } from '../../administration/usage-export.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { linkNextPage } from '../next-page.ts';
import { sendRefusal } from '../problem.ts';
import { problems, UserUsage } from '../schemas.ts';
import type { AdminRouteDeps } from './admin-deps.ts';

const UserPage = Type.Object(
  {
    users: Type.Array(UserUsage),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'Cursor of the next page; null on the last.',
    }),
  },
  { description: 'One page of users.' },
);

const UserQuery = Type.Object({
  sort: Type.Optional(
    Type.Enum(['used', 'usage', 'limit', 'user'], {
      default: 'used',
      description: '`used`: bytes; `usage`: share of the limit; `limit`; `user`: the id.',
    }),
  ),
  order: Type.Optional(
    Type.Enum(['desc', 'asc'], { default: 'desc', description: 'Descending or ascending.' }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 100, description: 'Most users in one answer.' }),
  ),
  after: Type.Optional(
    Type.String({
      pattern: '^[0-9][0-9.e+-]{0,30}_[0-9a-f-]{36}$',
      description: '`next` of the page before, with the same `sort` and `order`.',
    }),
  ),
});

const ExportQuery = Type.Object({
  format: Type.Optional(Type.Enum(EXPORT_FORMATS, { default: 'csv', description: 'What the lines are.' })),
});

const tags = ['operations'];
const security = [{ bearer: [] }];

/** GET /v1/admin/users and GET /v1/admin/usage. */
export const adminUserRoutes: FastifyPluginCallbackTypebox<AdminRouteDeps> = (
  app,
  { administration: { users }, authenticate, audit },
  done,
) => {
  const onRequest = callerGuard(authenticate, { permission: 'manage_quota' });

  app.get(
    '/users',
    {
      onRequest,
      schema: {
        operationId: 'listUsers',
        summary: 'List users by their usage',
        description:
          'Everybody who has an account: who has uploaded, asked for his quota, or was given a limit. Sorted by anything but `user`, somebody whose usage changes between two pages may come twice or be left out.',
        tags,
        security,
        querystring: UserQuery,
        response: { 200: UserPage, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const { sort = 'used', order = 'desc', limit = 100, after = null } = request.query;
      const page = await users.page({ order: sort, descending: order === 'desc', limit, after });
      if (!page.ok) return sendRefusal(reply, page.refusal);
      linkNextPage(reply, page.value.next);
      return { users: [...page.value.users], next: page.value.next };
    },
  );

  app.get(
    '/usage',
    {
      onRequest,
      schema: {
        operationId: 'exportUsage',
        summary: 'Export the usage of all users as CSV or JSON lines',
        description:
          'Streamed in the order of user ids, everybody once. Each line is of its own moment. A connection that is cut before the end of the body has failed: ask again.',
        tags,
        security,
        querystring: ExportQuery,
        response: {
          200: {
            description: 'One line for each user; CSV has a line of names first.',
            content: {
              'text/csv': { schema: Type.Unsafe<Readable>({ type: 'string' }) },
              'application/jsonl': { schema: Type.Unsafe<Readable>({ type: 'string' }) },
            },
          },
          ...problems(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { format = 'csv' } = request.query;
      const lines = usageFile(users.everybody(), format);
      // Whatever is away is found out now, while the answer can still be a problem.
      const first = await lines.next();
      const second = await lines.next();
      audit?.record('usage.exported', { by: audit.subject(callerOf(request).userId), format }, request.log);
      return reply
        .headers({
          'content-type': EXPORT_TYPES[format],
          'content-disposition': `attachment; filename="usage.${format}"`,
          'cache-control': 'no-store',
        })
        .send(Readable.from(continued([first, second], lines)));
    },
  );
  done();
};

async function* continued(
  begun: readonly IteratorResult<string, void>[],
  rest: AsyncIterable<string>,
): AsyncGenerator<string> {
  for (const { done, value } of begun) if (!done) yield value;
  yield* rest;
}
