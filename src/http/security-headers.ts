import type { FastifyInstance } from 'fastify';

/**
 * What every answer tells browsers: those of the API may do nothing there; the pages at / and /docs have policies
 * of their own. A constant, since a plugin that makes them anew cost a tenth of the time of each request.
 */
const HEADERS = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  // Pages of other origins may read answers where CORS says so; `same-origin` would forbid it to some.
  'cross-origin-resource-policy': 'cross-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  // Of the other names under this domain Sluice knows nothing.
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  // The filter of old browsers made holes of its own.
  'x-xss-protection': '0',
} as const;

/** The page at /docs may load what this service serves, and nothing else. */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function sendSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS);
    done();
  });
}

/**
 * The page at / loads what this service serves, and speaks to nobody else. Where the service has a public address,
 * uploads go there.
 */
export function pagePolicy(publicUrl: string | null): string {
  const connect = publicUrl === null ? "'self'" : `'self' ${new URL(publicUrl).origin}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    // A picture out of a video that was chosen, before anything is sent.
    'media-src blob:',
    "worker-src 'self'",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
