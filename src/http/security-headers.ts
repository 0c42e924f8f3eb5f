import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** What an answer of the API may do in a browser: nothing. The page at /docs has a policy of its own. */
const NOTHING = { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] };

/** The page at /docs may load what this service serves, and nothing else. */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export async function sendSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: NOTHING },
    // Of the other names under this domain Sluice knows nothing.
    strictTransportSecurity: { includeSubDomains: false },
    // Pages of other origins may read answers where CORS says so; the default would forbid it to some.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
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
    "worker-src 'self'",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
