import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Session } from '../../core/session.ts';
import { parseUuid } from '../../core/session-id.ts';
import { invalidRequestRefusal } from '../invalid-request.ts';
import { sendRefusal } from '../problem.ts';
import type { AuthorizeUpload } from './upload-access.ts';

const sessions = new WeakMap<FastifyRequest, Session>();

/**
 * A hook for routes with a `session_id` in their path: only the holder of the upload token, or the owner, passes.
 * It runs before the body is read.
 * @param tokenOf where the token does not stand in the query as usual.
 */
export function uploadGuard(
  authorizeUpload: AuthorizeUpload,
  tokenOf?: (request: FastifyRequest) => string,
): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const sessionId = parseUuid(sessionIdOf(request.params));
    if (sessionId === null) {
      const fault = { path: 'path/session_id', message: 'must be a UUID in its 36-character form' };
      return sendRefusal(reply, invalidRequestRefusal([fault]));
    }
    const outcome = await authorizeUpload(request, sessionId, tokenOf?.(request));
    if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
    sessions.set(request, outcome.value);
  };
}

/** The session that `uploadGuard` let the request at. */
export function sessionOf(request: FastifyRequest): Session {
  const session = sessions.get(request);
  if (session === undefined) throw new TypeError('sessionOf() needs uploadGuard() on the route');
  return session;
}

function sessionIdOf(params: unknown): string {
  if (typeof params !== 'object' || params === null || !('session_id' in params)) return '';
  return typeof params.session_id === 'string' ? params.session_id : '';
}
