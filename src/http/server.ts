import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { answerClientError } from './client-errors.ts';
import { answerWithProblems, sendProblem } from './errors.ts';
import { acceptJsonBodies } from './json-body.ts';
import type { TrustsProxy } from './proxies.ts';
import { createRequestIds } from './request-ids.ts';
import { createRouteTable } from './route-table.ts';
import { cutSlowBodies } from './slow-bodies.ts';
import { createValidatorCompiler } from './validation.ts';

/** Milliseconds in which a request's headers have to be there. Bodies have their own rules. */
const HEADERS_TIMEOUT_MS = 15_000;

/** A Fastify that has no route yet, but already answers everything the way Sluice does. */
export function createServer(options: {
  readonly log: FastifyBaseLogger;
  readonly trustsProxy: TrustsProxy;
}) {
  const app = Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: createRequestIds(),
    trustProxy: options.trustsProxy,
    // Uploads take as long as they take; the engine watches their pace.
    requestTimeout: 0,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
    exposeHeadRoutes: false,
    // While the service stops, requests on open connections are still answered as ever.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(createValidatorCompiler());
  app.setSerializerCompiler(() => JSON.stringify);
  answerWithProblems(app, createRouteTable(app));
  acceptJsonBodies(app);
  cutSlowBodies(app);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.log.debug(
      { method: request.method, status: reply.statusCode, ms: reply.elapsedTime },
      'answered',
    );
    done();
  });
  return app;
}
