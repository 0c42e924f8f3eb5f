import type { FastifyRequest } from 'fastify';
import { accepted, type Outcome, refused } from '../../core/errors.ts';
import type { SessionStore } from '../../core/ports.ts';
import type { Session } from '../../core/session.ts';
import type { Eventual } from '../eventual.ts';
import type { Authenticate } from './caller.ts';
import type { UploadTokens } from './upload-token.ts';

/**
 * Lets the holder of a session's upload token, or its owner, at that session. `sessionId` in lower case; `token`
 * where it does not stand in the query as usual.
 */
export type AuthorizeUpload = (
  request: FastifyRequest,
  sessionId: string,
  token?: string,
) => Eventual<Outcome<Session>>;

/**
 * The session is looked up first: one nobody knows is 404 for everybody, which tells a stranger nothing
 * (ids have 110 random bits) and tells a tus client to start again.
 */
export function createUploadAccess(deps: {
  readonly sessions: Pick<SessionStore, 'find'>;
  readonly uploadTokens: UploadTokens;
  readonly authenticate: Authenticate;
}): AuthorizeUpload {
  return async (request, sessionId, given) => {
    const session = await deps.sessions.find(sessionId);
    if (session === null) {
      return refused('SESSION_NOT_FOUND', 'There is no such upload session: create a new one.');
    }

    const token = given ?? uploadTokenOf(request);
    if (token !== null) {
      if (deps.uploadTokens.verify(token, session, Date.now())) return accepted(session);
      return refused(
        'UNAUTHORIZED_ACCESS',
        'The upload token is not valid for this session: use the upload_url that initiate returned, unchanged.',
      );
    }

    const caller = await deps.authenticate(request);
    if (!caller.ok) return caller;
    if (caller.value.userId !== session.userId) {
      return refused('UNAUTHORIZED_ACCESS', 'This upload session belongs to another user.');
    }
    return accepted(session);
  };
}

/** The `token` query parameter; a repeated one is no token that anybody issued. */
function uploadTokenOf(request: FastifyRequest): string | null {
  const query = request.query;
  if (typeof query !== 'object' || query === null || !('token' in query)) return null;
  return typeof query.token === 'string' ? query.token : '';
}
