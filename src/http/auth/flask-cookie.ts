import type { FastifyRequest } from 'fastify';
import { accepted, refused } from '../../core/errors.ts';
import { parseUuid } from '../../core/session-id.ts';
import type { AuthScheme } from './caller.ts';
import { type FlaskSessions, memberOf, textOf } from './flask-session.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
const DEFAULT_PERMISSIONS = ['upload_files', 'create_sessions'];

/**
 * The dashboard's own sign-in: a Flask session cookie with `user_id` and `authenticated: true` inside.
 *
 * A browser sends cookies whoever made the page, so a request that changes something must also show that it
 * comes from this site or from an allowed one: `Sec-Fetch-Site: same-origin`, or an allowed `Origin`.
 *
 * @param deps.allowedOrigins exact origins, as `CORS_ORIGINS` and `PUBLIC_URL` name them.
 */
export function createFlaskCookieScheme(deps: {
  readonly sessions: FlaskSessions;
  readonly cookieName: string;
  readonly allowedOrigins: ReadonlySet<string>;
}): AuthScheme {
  function isFromHere(request: FastifyRequest): boolean {
    if (SAFE_METHODS.has(request.method)) return true;
    if (request.headers['sec-fetch-site'] === 'same-origin') return true;
    const { origin } = request.headers;
    return origin !== undefined && deps.allowedOrigins.has(origin);
  }

  return (request) => {
    const cookie = cookieOf(request.headers.cookie, deps.cookieName);
    if (cookie === null) return null;

    const session = deps.sessions.read(cookie, Date.now());
    if (session === null) return signInAgain('invalid_cookie');
    if (memberOf(session, 'authenticated') !== true) return signInAgain('not_signed_in');
    const userId = parseUuid(textOf(memberOf(session, 'user_id')) ?? '');
    if (userId === null) return signInAgain('no_user');

    if (!isFromHere(request)) {
      return refused(
        'CROSS_SITE_REQUEST',
        'Requests that change something must come from the dashboard itself. Send them from its own pages.',
      );
    }
    return accepted({ userId, permissions: permissionsOf(memberOf(session, 'permissions')) });
  };
}

function signInAgain(reason: string) {
  return refused('UNAUTHENTICATED', 'Your dashboard session is not valid. Sign in again.', {
    details: { reason },
  });
}

function permissionsOf(value: unknown): ReadonlySet<string> {
  if (value === undefined || value === null) return new Set(DEFAULT_PERMISSIONS);
  if (!Array.isArray(value)) return new Set();
  return new Set(value.filter((name): name is string => typeof name === 'string'));
}

/** The first cookie of that name (RFC 6265, section 5.4: the most specific path comes first). */
function cookieOf(header: string | undefined, name: string): string | null {
  if (header === undefined) return null;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  }
  return null;
}
