/**
 * What the framework alone costs: *bare* with Fastify in place of `node:http`. Parts of the service can be put on
 * top, by name:
 *
 * - `jwt`      who asks stands in a verified access token
 * - `schemas`  headers and bodies are validated
 * - `frame`    all that the service has around a route: its own JSON parser, request ids, a log, metrics, CORS,
 *              security headers, problem answers, the watch over slow bodies
 *
 * Arguments: its port, the port of Redis, the secret of access tokens, the parts with commas between.
 */
import Fastify, { type FastifyInstance } from 'fastify';
import { callerGuard, callerOf, createAuthenticate } from '../../src/http/auth/authenticate.ts';
import { createBearerJwt } from '../../src/http/auth/bearer-jwt.ts';
import { allowOrigins } from '../../src/http/cors.ts';
import { observeRequests } from '../../src/http/observe-requests.ts';
import { InitiateBody, InitiateHeaders } from '../../src/http/routes/initiate-body.ts';
import { ValidateBody } from '../../src/http/routes/validate.ts';
import { sendSecurityHeaders } from '../../src/http/security-headers.ts';
import { createServer } from '../../src/http/server.ts';
import { createValidatorCompiler } from '../../src/http/validation.ts';
import { createLogger } from '../../src/log/logger.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { createAlone } from './alone.ts';

const [port, redisPort, secret = '', names = ''] = process.argv.slice(2);
const parts = new Set(names.split(','));
const redis = connectRedis({ host: '127.0.0.1', port: Number(redisPort) });
await untilReady(redis, 5000);
const alone = createAlone(redis, 'fastify');

const app: FastifyInstance = parts.has('frame') ? await framed() : Fastify();
const jwt = { secretKeys: [secret], jwksUrl: null, issuer: null, audience: null };
const authenticate = createAuthenticate([createBearerJwt(jwt)]);
const known = parts.has('jwt') ? { onRequest: callerGuard(authenticate) } : {};
if (parts.has('schemas')) app.setValidatorCompiler(createValidatorCompiler());

const initiateSchema = parts.has('schemas')
  ? { schema: { headers: InitiateHeaders, body: InitiateBody } }
  : {};
app.post<{ Body: Record<string, unknown> }>(
  '/initiate',
  { ...known, ...initiateSchema },
  async (request, reply) => {
    const user = parts.has('jwt') ? { user_id: callerOf(request).userId } : {};
    reply.code(201);
    return alone.initiate({ ...request.body, ...user });
  },
);
const validateSchema = parts.has('schemas') ? { schema: { body: ValidateBody } } : {};
app.post<{ Body: Record<string, unknown> }>('/validate', { ...known, ...validateSchema }, async (request) =>
  alone.validate(request.body),
);
await app.listen({ host: '127.0.0.1', port: Number(port) });

async function framed(): Promise<FastifyInstance> {
  const log = createLogger({ level: 'error', destination: process.stdout });
  const server: FastifyInstance = createServer({ log, trustsProxy: () => false });
  const metrics = createMetrics({ version: '0', backend: 'disk', reconcileIntervalMs: 0 });
  observeRequests(server, metrics.requests);
  await allowOrigins(server, '*');
  sendSecurityHeaders(server);
  return server;
}
