import type { FastifyReply } from 'fastify';
import type { Session } from '../core/session.ts';
import { endedRefusal } from '../engine/append.ts';
import type { BodyFault } from '../http/invalid-request.ts';
import { sendJson } from '../http/send-json.ts';
import { sessionStatusJson } from '../http/views.ts';
import {
  cancelUpload,
  type Dialect,
  type Exchange,
  type ProtocolDeps,
  refuse,
  refuseHeader,
} from './exchange.ts';
import { receiveBytes } from './ietf-append.ts';
import { createIetfUpload } from './ietf-create.ts';
import {
  needsMediaType,
  PARTIAL_UPLOAD,
  parseComplete,
  parseOffset,
  tellComplete,
  tellState,
} from './ietf-headers.ts';
import { mediaTypeOf } from './tus-headers.ts';

/**
 * Resumable uploads as the IETF drafts them (draft-ietf-httpbis-resumable-upload): interop version 8, and 3 to
 * 7 where they differ in names alone. The length says nothing about completeness here: the client does.
 */
export function createIetfDialect(deps: ProtocolDeps) {
  /** Section 4.4: the next bytes, or word that there are no more. */
  async function patch(exchange: Exchange, session: Session): Promise<FastifyReply> {
    const { request, reply, contentType } = exchange;
    if (needsMediaType(request.headers) && mediaTypeOf(contentType) !== PARTIAL_UPLOAD) {
      tellComplete(reply, false);
      return refuse(exchange, {
        code: 'UNSUPPORTED_MEDIA_TYPE',
        message: `Bytes appended to an upload must be of type ${PARTIAL_UPLOAD}.`,
      });
    }
    const start = parseOffset(request.headers);
    const complete = parseComplete(request.headers);
    if (start === null || complete === null) {
      const faults: BodyFault[] = [];
      if (start === null) faults.push({ path: 'header/upload-offset', message: 'must be a whole number' });
      if (complete === null) faults.push({ path: 'header/upload-complete', message: 'must be ?0 or ?1' });
      tellComplete(reply, false);
      return refuseHeader(exchange, ...faults);
    }
    return receiveBytes(deps, exchange, { session, start, complete, location: null });
  }

  /** Section 4.2, on a session that exists already: its first bytes. PUT replaces what is there, POST does not. */
  function begin(start: 0 | 'restart') {
    return async (exchange: Exchange, session: Session): Promise<FastifyReply> => {
      const complete = parseComplete(exchange.request.headers);
      if (complete === null) {
        return refuseHeader(exchange, { path: 'header/upload-complete', message: 'must be ?0 or ?1' });
      }
      const location = deps.urls(exchange.request).uploadUrl(session);
      return receiveBytes(deps, exchange, { session, start, complete, location });
    };
  }

  /** Section 4.3: HEAD, or GET with the session's status for people. */
  function retrieve(withStatus: boolean) {
    return async (exchange: Exchange, session: Session): Promise<FastifyReply> => {
      const { request, reply } = exchange;
      if (session.status !== 'active' && session.status !== 'completed' && !withStatus) {
        return refuse(exchange, endedRefusal(session));
      }
      tellState(reply, session);
      if (withStatus) return sendJson(reply, sessionStatusJson(session, deps.urls(request)));
      return reply.code(204).send();
    };
  }

  const methods = {
    PATCH: patch,
    PUT: begin('restart'),
    POST: begin(0),
    HEAD: retrieve(false),
    GET: retrieve(true),
    DELETE: (exchange, session) => cancelUpload(deps, exchange, session),
  } satisfies Dialect;

  return { methods, create: (exchange: Exchange) => createIetfUpload(deps, exchange) };
}
