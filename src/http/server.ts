import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { holdContinue } from '../protocols/expect-continue.ts';
import { answerClientError } from './client-errors.ts';
import { limitConnections, limitUnanswered } from './connections.ts';
import { answerWithProblems, sendProblem } from './errors.ts';
import { refuseAmbiguousRequests } from './framing.ts';
import { acceptJsonBodies } from './json-body.ts';
import type { TrustsProxy } from './proxies.ts';
import { createRequestIds } from './request-ids.ts';
import { createRouteTable } from './route-table.ts';
import { cutSlowBodies } from './slow-bodies.ts';
import { type RequestTracer, traceRequests } from './trace-requests.ts';
import { createValidatorCompiler } from './validation.ts';

/** What one connection may take. Times are milliseconds. */
export interface ConnectionLimits {
  /** Connections of one address; 0 for no limit. */
  readonly perAddress: number;
  /** Bytes of request line and headers. */
  readonly maxHeaderBytes: number;
  /** Time in which a request's headers have to be there. Uploads have their own rules for what follows. */
  readonly headersTimeoutMs: number;
  /** Time in which a JSON body has to be there. */
  readonly bodyTimeoutMs: number;
}

const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  perAddress: 0,
  maxHeaderBytes: 16_384,
  headersTimeoutMs: 15_000,
  bodyTimeoutMs: 15_000,
};

/** Milliseconds between two looks for connections that are too slow. Node's own half minute would double the limit. */
const LOOK_EVERY_MS = 1000;

/** Where none are named at the start, Fastify loads its own, a hundred files, before it is told of ours. */
const OWN_COMPILERS = { buildValidator: () => neverCalled, buildSerializer: () => neverCalled };

/** Levels of the log that let `debug` through. */
const WITH_DEBUG: ReadonlySet<string> = new Set(['debug', 'trace']);

/** A Fastify that has no route yet, but already answers everything the way Sluice does. */
export function createServer(options: {
  readonly log: FastifyBaseLogger;
  readonly trustsProxy: TrustsProxy;
  readonly connections?: ConnectionLimits | undefined;
  /** Where left out, requests are part of no trace. */
  readonly requestTracer?: RequestTracer | undefined;
}) {
  const { trustsProxy, connections = DEFAULT_CONNECTION_LIMITS } = options;
  const app = Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: createRequestIds(),
    trustProxy: trustsProxy,
    // Uploads take as long as they take; the engine watches their pace.
    requestTimeout: 0,
    http: {
      headersTimeout: connections.headersTimeoutMs,
      connectionsCheckingInterval: LOOK_EVERY_MS,
      maxHeaderSize: connections.maxHeaderBytes,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
    exposeHeadRoutes: false,
    // While the service stops, requests on open connections are still answered as ever.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    schemaController: { compilersFactory: OWN_COMPILERS },
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Node's own default ends a connection whose client has closed its side, though it still waits for the answer.
  Object.assign(app.server, { httpAllowHalfOpen: true });
  app.decorateRequest('caller', null);
  app.setValidatorCompiler(createValidatorCompiler());
  app.setSerializerCompiler(() => JSON.stringify);
  answerWithProblems(app, createRouteTable(app));
  acceptJsonBodies(app);
  holdContinue(app);
  cutSlowBodies(app, connections.bodyTimeoutMs);
  limitUnanswered(app);
  limitConnections(app.server, { perAddress: connections.perAddress, trustsProxy });
  if (options.requestTracer) traceRequests(app, options.requestTracer);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  refuseAmbiguousRequests(app);
  if (WITH_DEBUG.has(options.log.level)) {
    app.addHook('onResponse', (request, reply, done) => {
      request.log.debug(
        { method: request.method, status: reply.statusCode, ms: reply.elapsedTime },
        'answered',
      );
      done();
    });
  }
  return app;
}

function neverCalled(): never {
  throw new Error('the compilers are set as soon as there is a server');
}
