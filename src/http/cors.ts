import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/** Every header of an answer that a page's script may need, in all dialects of the upload resource. */
const EXPOSED_HEADERS = [
  'Location',
  'Link',
  'Allow',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
  'Idempotency-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Defer-Length',
  'Upload-Metadata',
  'Upload-Expires',
  'Upload-Concat',
  'Upload-Checksum',
  'Upload-Complete',
  'Upload-Incomplete',
  'Upload-Limit',
  'Upload-Draft-Interop-Version',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Repr-Digest',
  'Content-Digest',
];

/** Seconds that a browser may remember the answer to a preflight. */
const PREFLIGHT_MAX_AGE = 7200;

/**
 * Lets pages of the configured origins read every answer, errors included. A preflight goes on to the route,
 * so that OPTIONS on the upload resource tells what it always tells.
 */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[] | '*'): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: origins === '*' ? '*' : [...origins],
    // Cookies are for origins that are known by name; with `*` browsers would refuse them anyway.
    credentials: origins !== '*',
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    // A list would be joined anew for each answer.
    exposedHeaders: EXPOSED_HEADERS.join(', '),
    maxAge: PREFLIGHT_MAX_AGE,
    preflightContinue: true,
    strictPreflight: false,
  });
}
