import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { sendRefusal } from '../problem.ts';
import { problems, SessionStatus, Uuid } from '../schemas.ts';
import { sendJson } from '../send-json.ts';
import { sessionStatusJson } from '../views.ts';
import type { RouteDeps } from './route-deps.ts';

export const ValidateBody = Type.Object({
  session_id: Uuid('The session.'),
  user_id: Uuid('The user it is said to belong to.'),
});

const Validation = Type.Object(
  {
    is_valid: Type.Boolean(),
    is_owner: Type.Boolean(),
    session_status: Type.Union([SessionStatus, Type.Null()]),
    error_message: Type.Union([Type.String(), Type.Null()]),
  },
  {
    title: 'Validation',
    description: 'Whether the session is valid, and of this user; `error_message` says why not.',
  },
);

/** POST P/validate: is the session valid, and is this user its owner? */
export const validateRoute: FastifyPluginCallbackTypebox<RouteDeps> = (
  app,
  { uploads, authenticate, rateLimiter, urls },
  done,
) => {
  app.post(
    '/validate',
    {
      onRequest: callerGuard(authenticate, { limit: rateLimiter.forWork('validate') }),
      schema: {
        operationId: 'validate',
        summary: 'Validate a session',
        description: "Another user's session needs the permission `validate_sessions`.",
        tags: ['sessions'],
        security: [{ bearer: [] }],
        body: ValidateBody,
        response: { 200: Validation, ...problems(400, 401, 403, 404, 415, 503) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const outcome = await uploads.validate({
        sessionId: request.body.session_id.toLowerCase(),
        userId: request.body.user_id.toLowerCase(),
        callerId: caller.userId,
        mayAskForOthers: caller.permissions.has('validate_sessions'),
      });
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);

      const { session, isValid, errorMessage } = outcome.value;
      const status = sessionStatusJson(session, urls(request));
      return sendJson(
        reply,
        `{"is_valid":${isValid},"is_owner":true,"session_status":${status},"error_message":${JSON.stringify(errorMessage)}}`,
      );
    },
  );
  done();
};
