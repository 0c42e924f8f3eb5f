import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, type Refusal, refused, SluiceError } from '../core/errors.ts';
import { invalidRequestRefusal, refusalOfError } from './invalid-request.ts';
import { sendRefusal } from './problem.ts';
import type { RouteTable } from './route-table.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Code of a surprise on this route, where it is not `INTERNAL_ERROR`. */
    readonly surprise?: ErrorCode;
    /** What bodies it reads, where that is not `application/json`. */
    readonly bodyType?: string;
  }
}

/** Makes every error a problem answer: thrown ones, unknown addresses and methods, Fastify's own. */
export function answerWithProblems(app: FastifyInstance, routes: RouteTable): void {
  function refuseUnknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const allowed = routes.methodsFor(request.url);
    if (allowed === null) {
      return sendRefusal(reply, {
        code: 'NOT_FOUND',
        message: 'There is nothing at this address. All addresses stand in /openapi.json.',
      });
    }
    reply.header('allow', allowed);
    const refusal = invalidRequestRefusal([
      { path: 'method', message: `${request.method} is not offered here, only ${allowed} are` },
    ]);
    return sendRefusal(reply, refusal, { status: 405 });
  }

  // Of a method that is not offered it does not matter what else is wrong with the request.
  app.setErrorHandler<FastifyError>((error, request, reply) =>
    request.is404 && isBadRequest(error) ? refuseUnknown(request, reply) : sendProblem(error, request, reply),
  );
  app.setNotFoundHandler(refuseUnknown);
}

function isBadRequest(error: FastifyError): boolean {
  return (refusalOfError(error) ?? knownRefusal(error)) !== null;
}

/** Answers a request whose handling threw. Only surprises are logged: bad requests are the client's affair. */
export function sendProblem(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOfError(error) ?? knownRefusal(error, request.routeOptions.config.bodyType);
  if (refusal !== null) return sendRefusal(reply, refusal);

  if (error instanceof SluiceError) {
    request.log.error({ err: error }, 'a dependency failed');
    return sendRefusal(reply, {
      code: error.code,
      message: error.message,
      ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
    });
  }
  if (request.raw.errored || request.raw.destroyed) {
    request.log.info({ err: error }, 'the client went away');
  } else {
    request.log.error({ err: error }, 'a request failed unexpectedly');
  }
  const code = request.routeOptions.config.surprise ?? 'INTERNAL_ERROR';
  return sendRefusal(
    reply,
    refused(code, 'Something went wrong here. Try again; if it stays, report the request id.', {
      details: { request_id: request.id },
    }).refusal,
  );
}

/** What Fastify itself refuses. Null for errors that are no bad request. */
function knownRefusal(error: FastifyError, bodyType = 'application/json'): Refusal | null {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return {
        code: 'UNSUPPORTED_MEDIA_TYPE',
        message: `The body is of a content type that is not read here: send ${bodyType}.`,
      };
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return invalidRequestRefusal([{ path: '', message: 'must have a smaller body' }]);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return invalidRequestRefusal([
        { path: 'header/content-length', message: 'must be the length of the body' },
      ]);
    case 'FST_ERR_BAD_URL':
      return invalidRequestRefusal([{ path: 'path', message: 'must be a well-formed URL path' }]);
    case 'FST_ERR_HANDLER_TIMEOUT':
      return {
        code: 'INTERNAL_ERROR',
        message: 'The request took too long. Try again; send the body without pauses.',
      };
  }
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500
    ? invalidRequestRefusal([{ path: '', message: 'is malformed' }])
    : null;
}
