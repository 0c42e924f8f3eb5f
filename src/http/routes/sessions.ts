import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Outcome } from '../../core/errors.ts';
import type { Session } from '../../core/session.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { pathOf, sendRefusal } from '../problem.ts';
import { problems, SessionStatus, Uuid } from '../schemas.ts';
import { sendJson } from '../send-json.ts';
import { sessionStatusJson } from '../views.ts';
import type { RouteDeps } from './route-deps.ts';

const Page = Type.Object({
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 100, description: 'Most sessions in one answer.' }),
  ),
  after: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,16}\\.[0-9a-f-]{36}$',
      description: 'Where the page before ended; take it from `Link: rel="next"`.',
    }),
  ),
});

const SessionParams = Type.Object({ session_id: Uuid('The session.') });

const tags = ['sessions'];
const security = [{ bearer: [] }];

/** GET P/sessions, GET and DELETE P/sessions/{session_id}. */
export const sessionRoutes: FastifyPluginCallbackTypebox<
  RouteDeps & {
    /** Cancels a session, and stops the transfer that feeds it. */
    readonly cancel: (session: Session) => Promise<Outcome<Session>>;
  }
> = (app, { uploads, authenticate, urls, cancel }, done) => {
  const onRequest = callerGuard(authenticate);

  app.get(
    '/sessions',
    {
      onRequest,
      schema: {
        operationId: 'listSessions',
        summary: 'List your live sessions, newest first',
        tags,
        security,
        querystring: Page,
        response: {
          200: Type.Array(SessionStatus, {
            description: 'One page of sessions; `Link: rel="next"` leads to the next, where there is one.',
          }),
          ...problems(400, 401, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after = null } = request.query;
      const page = await uploads.sessions(callerOf(request).userId, { limit, after });
      if (page.next !== null) {
        const next = `${pathOf(request.url)}?limit=${limit}&after=${encodeURIComponent(page.next)}`;
        reply.header('link', `<${next}>; rel="next"`);
      }
      const here = urls(request);
      return sendJson(reply, `[${page.sessions.map((one) => sessionStatusJson(one, here)).join(',')}]`);
    },
  );

  app.get(
    '/sessions/:session_id',
    {
      onRequest,
      schema: {
        operationId: 'readSession',
        summary: 'Read one of your sessions',
        description: 'Also after it has ended, for as long as it is remembered.',
        tags,
        security,
        params: SessionParams,
        response: { 200: SessionStatus, ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const sessionId = request.params.session_id.toLowerCase();
      const outcome = await uploads.session(sessionId, callerOf(request).userId);
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      return sendJson(reply, sessionStatusJson(outcome.value, urls(request)));
    },
  );

  app.delete(
    '/sessions/:session_id',
    {
      onRequest,
      schema: {
        operationId: 'cancelSession',
        summary: 'Cancel one of your sessions',
        description: 'Stops a running transfer, discards its bytes and gives the reservation back, once.',
        tags,
        security,
        params: SessionParams,
        response: {
          204: Type.Null({ description: 'Cancelled, or ended before without a file.' }),
          ...problems(400, 401, 403, 404, 409, 415, 503),
        },
      },
    },
    async (request, reply) => {
      const sessionId = request.params.session_id.toLowerCase();
      const session = await uploads.session(sessionId, callerOf(request).userId);
      const outcome = session.ok ? await cancel(session.value) : session;
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      return reply.code(204).send(null);
    },
  );
  done();
};
