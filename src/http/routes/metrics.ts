import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Refusal, refused } from '../../core/errors.ts';
import { sendRefusal } from '../problem.ts';
import { problems } from '../schemas.ts';

export interface MetricsRouteDeps {
  /** The metrics as text, those of all workers. */
  readonly read: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Whoever sends it may read them, from wherever; null lets those inside read them. */
  readonly token: string | null;
}

/** GET /metrics, for Prometheus. They tell strangers how busy the service is, so not everybody may read them. */
export const metricsRoute: FastifyPluginCallbackTypebox<MetricsRouteDeps> = (app, { read, token }, done) => {
  app.get(
    '/metrics',
    {
      config: { untraced: true },
      onRequest: (request, reply, next) => {
        const refusal = token === null ? refuseStrangers(request) : refuseWithout(token, request);
        if (refusal) sendRefusal(reply, refusal);
        else next();
      },
      schema: {
        operationId: 'readMetrics',
        summary: 'Metrics, as Prometheus reads them',
        description:
          'For clients on loopback and private addresses that come without a proxy; or, where `METRICS_TOKEN` is set, for those who send it as bearer token. docs/metrics.md says what each means.',
        tags: ['operations'],
        response: {
          200: {
            description: 'Text format of Prometheus.',
            content: { 'text/plain': { schema: Type.String() } },
          },
          ...problems(401),
        },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await read();
      return reply.type(contentType).header('cache-control', 'no-store').send(text);
    },
  );
  done();
};

function refuseWithout(token: string, { headers }: FastifyRequest): Refusal | null {
  const sent = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (sent !== undefined && timingSafeEqual(digest(sent), digest(token))) return null;
  const reason = headers.authorization === undefined ? 'missing_credentials' : 'invalid_token';
  return refused('UNAUTHENTICATED', 'Metrics are for operations: send METRICS_TOKEN as bearer token.', {
    details: { reason },
  }).refusal;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** What proxies add. A request with one of these came from somewhere else than the address that sent it. */
const MARKS_OF_PROXIES = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
];

function refuseStrangers({ headers, raw }: FastifyRequest): Refusal | null {
  const forwarded = MARKS_OF_PROXIES.some((name) => headers[name] !== undefined);
  if (!forwarded && isInside(raw.socket.remoteAddress ?? '')) return null;
  return refused(
    'UNAUTHENTICATED',
    'Metrics are read from inside the network and past no proxy. From elsewhere, set METRICS_TOKEN and send it.',
    { details: { reason: 'missing_credentials' } },
  ).refusal;
}

/** Loopback, and what RFC 1918, 3927, 4193, 4291 and 6598 set aside for networks that are not the Internet. */
const INSIDE = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  INSIDE.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  INSIDE.addSubnet(network, bits, 'ipv6');
}

function isInside(address: string): boolean {
  // IPv4 on a socket that listens on IPv6 is matched by the rules of IPv4.
  return INSIDE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
