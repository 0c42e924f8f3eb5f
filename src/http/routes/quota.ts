import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { quotaReport } from '../../core/quota.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { problems, Quota } from '../schemas.ts';
import type { RouteDeps } from './route-deps.ts';

const Cleaned = Type.Object(
  {
    cleaned_sessions: Type.Integer({ minimum: 0 }),
    timestamp: Type.String({ format: 'date-time' }),
    message: Type.String(),
  },
  { title: 'Cleaned', description: 'How many sessions were swept.' },
);

/** GET P/quota and POST P/cleanup. */
export const quotaRoutes: FastifyPluginCallbackTypebox<RouteDeps> = (
  app,
  { uploads, authenticate },
  done,
) => {
  app.get(
    '/quota',
    {
      onRequest: callerGuard(authenticate),
      schema: {
        operationId: 'readQuota',
        summary: 'Read your quota',
        tags: ['quota'],
        security: [{ bearer: [] }],
        response: { 200: Quota, ...problems(401, 503) },
      },
    },
    async (request) =>
      quotaReport(await uploads.quota(callerOf(request).userId), uploads.limits.maxActiveSessions),
  );

  app.post(
    '/cleanup',
    {
      onRequest: callerGuard(authenticate, { permission: 'manage_quota' }),
      schema: {
        operationId: 'cleanUp',
        summary: 'Sweep expired sessions now',
        description: 'Needs the permission `manage_quota`. They are swept on their own as well.',
        tags: ['operations'],
        security: [{ bearer: [] }],
        response: { 200: Cleaned, ...problems(400, 401, 403, 415, 503) },
      },
    },
    async () => {
      const cleaned = await uploads.sweep();
      return {
        cleaned_sessions: cleaned,
        timestamp: new Date().toISOString(),
        message: cleaned === 1 ? 'Cleaned 1 session.' : `Cleaned ${cleaned} sessions.`,
      };
    },
  );
  done();
};
