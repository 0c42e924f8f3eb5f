import type { FastifyReply } from 'fastify';
import type { Refusal } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import { endedRefusal } from '../engine/append.ts';
import { invalidRequestRefusal } from '../http/invalid-request.ts';
import { sendJson } from '../http/send-json.ts';
import { sessionStatusJson } from '../http/views.ts';
import {
  abandon,
  cancelUpload,
  type Dialect,
  type Exchange,
  type ProtocolDeps,
  refuse,
  refuseHeader,
} from './exchange.ts';
import { sendContinue } from './expect-continue.ts';
import { tellState } from './ietf-headers.ts';
import { mediaTypeOf } from './tus-headers.ts';

/** Plain HTTP: PUT the whole file, GET its status, HEAD its offset, DELETE it. */
export function createPlainDialect(deps: ProtocolDeps) {
  const { engine, urls } = deps;

  async function put(exchange: Exchange, session: Session): Promise<FastifyReply> {
    const { request, reply, body } = exchange;
    if (request.headers['content-range'] !== undefined) {
      // RFC 9110, section 14.4: a partial PUT that is not understood must not be taken for a whole one.
      const message = 'must not be sent: PUT takes the whole file; use tus to send parts';
      return refuseHeader(exchange, { path: 'header/content-range', message });
    }
    const result = await engine.append({
      ...{ session, body, protocol: 'put', start: 'restart', length: null, completes: 'at_end' },
      onAdmitted: () => sendContinue(reply),
    });
    switch (result.kind) {
      case 'completed':
        return created(exchange, result.session);
      case 'completed_before':
        return repeat(exchange, result.session);
      case 'length_conflict':
        return refuseBody(exchange, wrongLength(result.session));
      case 'refused':
        return result.refusal.code === 'UNSUPPORTED_FORMAT'
          ? refuseBody(exchange, result.refusal)
          : refuse(exchange, result.refusal);
      case 'cut':
        return abandon(exchange);
      case 'stored':
      case 'offset_mismatch':
        throw new Error(`a PUT begins at zero and ends complete or not at all, not ${result.kind}`);
    }
  }

  /** A client that lost the answer sends the same file again and gets the same answer; another file does not. */
  async function repeat(exchange: Exchange, session: Session): Promise<FastifyReply> {
    const { body, reply } = exchange;
    if (body.declaredLength === null || body.declaredLength === session.uploadOffset) sendContinue(reply);
    const comparison = await engine.compare(session, body);
    if (comparison === 'cut') return abandon(exchange);
    return comparison === 'same' ? created(exchange, session) : refuse(exchange, endedRefusal(session));
  }

  function created({ request, reply }: Exchange, session: Session): FastifyReply {
    reply.code(201).header('upload-offset', session.uploadOffset).header('cache-control', 'no-store');
    return sendJson(reply, sessionStatusJson(session, urls(request)));
  }

  return {
    PUT: put,

    // The IETF draft, section 4.3.1: a client of it that names no version asks in plain HTTP, so it is told all.
    async GET({ request, reply }, session) {
      tellState(reply, session);
      return sendJson(reply, sessionStatusJson(session, urls(request)));
    },

    async HEAD(exchange, session) {
      const { reply } = exchange;
      if (session.status !== 'active' && session.status !== 'completed') {
        return refuse(exchange, endedRefusal(session));
      }
      tellState(reply, session);
      return reply.code(200).send();
    },

    DELETE: (exchange, session) => cancelUpload(deps, exchange, session),
  } satisfies Dialect;
}

function wrongLength({ expectedFileSize }: Session): Refusal {
  const message = `must be the declared size of ${expectedFileSize} bytes, and the body as long`;
  return invalidRequestRefusal([{ path: 'header/content-length', message }]);
}

/** A body is taken whatever its type, so of a form nothing is said before it turns out not to be the file. */
function refuseBody(exchange: Exchange, refusal: Refusal): Promise<FastifyReply> {
  if (mediaTypeOf(exchange.contentType) !== 'multipart/form-data') return refuse(exchange, refusal);
  return refuse(exchange, { ...refusal, message: `${refusal.message} ${NO_FORMS}` });
}

const NO_FORMS = 'A form is not taken apart: send the file itself as the body, as curl -T does.';
