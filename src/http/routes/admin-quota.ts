import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { type QuotaSnapshot, quotaReport } from '../../core/quota.ts';
import type { Audit } from '../../log/audit.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { problems, Quota, Uuid } from '../schemas.ts';
import type { RouteDeps } from './route-deps.ts';

const UserParams = Type.Object({ user_id: Uuid('The user.') });

const QuotaChange = Type.Refine(
  Type.Object({
    quota_limit: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'New limit in bytes.' }),
    ),
    reset: Type.Optional(Type.Literal(true, { description: 'Begin a new period now, with nothing used.' })),
  }),
  (change) => change.quota_limit !== undefined || change.reset === true,
  () => 'must have quota_limit or reset',
);

/** GET and PUT /v1/admin/users/{user_id}/quota. */
export const adminQuotaRoutes: FastifyPluginCallbackTypebox<
  Pick<RouteDeps, 'uploads' | 'authenticate'> & { readonly audit?: Audit | undefined }
> = (app, { uploads, authenticate, audit }, done) => {
  const onRequest = callerGuard(authenticate, { permission: 'manage_quota' });
  const report = (quota: QuotaSnapshot) => quotaReport(quota, uploads.limits.maxActiveSessions);

  app.get(
    '/users/:user_id/quota',
    {
      onRequest,
      schema: {
        operationId: 'readUserQuota',
        summary: "Read a user's quota",
        tags: ['operations'],
        security: [{ bearer: [] }],
        params: UserParams,
        response: { 200: Quota, ...problems(400, 401, 403, 503) },
      },
    },
    async (request) => report(await uploads.quota(request.params.user_id.toLowerCase())),
  );

  app.put(
    '/users/:user_id/quota',
    {
      onRequest,
      schema: {
        operationId: 'changeUserQuota',
        summary: "Set a user's limit, or begin a new period",
        tags: ['operations'],
        security: [{ bearer: [] }],
        params: UserParams,
        body: QuotaChange,
        response: { 200: Quota, ...problems(400, 401, 403, 415, 503) },
      },
    },
    async (request) => {
      const userId = request.params.user_id.toLowerCase();
      const { quota_limit: limit, reset } = request.body;
      if (limit !== undefined) await uploads.setLimit(userId, limit);
      if (reset) await uploads.resetPeriod(userId);
      audit?.record(
        'quota.changed',
        {
          subject: audit.subject(userId),
          by: audit.subject(callerOf(request).userId),
          ...(limit !== undefined && { quota_limit: limit }),
          ...(reset && { reset }),
        },
        request.log,
      );
      return report(await uploads.quota(userId));
    },
  );
  done();
};
