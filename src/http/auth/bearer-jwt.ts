import { hash } from 'node:crypto';
import { errors, type JWTPayload } from 'jose';
import { accepted, type Outcome, refused, SluiceError } from '../../core/errors.ts';
import { createRecent } from '../../core/recent.ts';
import { parseUuid } from '../../core/session-id.ts';
import type { AuthScheme, Caller } from './caller.ts';
import { CLOCK_TOLERANCE, createVerification, type JwtOptions, type Verified } from './verify-jwt.ts';

/** Tokens that are remembered as good. */
const REMEMBERED_TOKENS = 10_000;

/** Longest token that is looked at: more than any header Node lets pass. */
const MAX_TOKEN_LENGTH = 8192;

/** Base64url has no padding in a JWS (RFC 7515, section 2); what decodes leniently would let it pass. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** What a token with neither `permissions` nor `scope` may do. */
const DEFAULT_PERMISSIONS: ReadonlySet<string> = new Set(['upload_files', 'create_sessions']);

interface Remembered {
  readonly caller: Outcome<Caller>;
  /** Milliseconds of the clock. */
  readonly goodFrom: number;
  readonly goodUntil: number;
  readonly keys: Verified['keys'];
}

/**
 * The scheme `Authorization: Bearer <JWT>`. A token that was found good is remembered until it expires or the keys are
 * fetched anew, so that only its first request pays for the signature; bad ones are never remembered. What is kept is
 * a digest of the header: whoever reads our memory finds no token, and how long a look takes tells nothing about one.
 */
export function createBearerJwt(options: JwtOptions): AuthScheme {
  const { verify, standsBy } = createVerification(options);
  const remembered = createRecent<Remembered>(REMEMBERED_TOKENS);

  async function examine(token: string, digest: string): Promise<Outcome<Caller>> {
    let verified: Verified;
    try {
      verified = await verify(token);
    } catch (error) {
      if (error instanceof SluiceError) throw error;
      return badToken(
        error instanceof errors.JWTExpired
          ? 'The access token has expired: sign in again.'
          : 'The access token is not valid here: sign in again.',
      );
    }
    const { payload, keys } = verified;
    const userId = userOf(payload);
    if (userId === null) return badToken('The access token names no user by a UUID in user_id or sub.');
    const caller = accepted({ userId, permissions: permissionsOf(payload) });
    const goodFrom = ((payload.nbf ?? 0) - CLOCK_TOLERANCE) * 1000;
    const goodUntil = ((payload.exp ?? 0) + CLOCK_TOLERANCE) * 1000;
    remembered.set(digest, { caller, goodFrom, goodUntil, keys });
    return caller;
  }

  function recall(digest: string): Outcome<Caller> | null {
    const known = remembered.get(digest);
    if (known === undefined || !standsBy(known.keys)) return null;
    const now = Date.now();
    return now >= known.goodFrom && now < known.goodUntil ? known.caller : null;
  }

  return (request) => {
    const header = request.headers.authorization;
    if (header === undefined) return null;
    const digest = hash('sha256', header, 'base64url');
    const known = recall(digest);
    if (known !== null) return known;
    const token = /^Bearer +([\w.~+/=-]+) *$/i.exec(header)?.[1];
    if (token === undefined || token.length > MAX_TOKEN_LENGTH) {
      return badToken('The Authorization header must be "Bearer" and an access token.', 'invalid_request');
    }
    if (!COMPACT.test(token)) return badToken('The access token is not a JSON Web Token: sign in again.');
    return examine(token, digest);
  };
}

/** The claim `user_id`, else `sub`: a UUID, or null. */
function userOf(payload: JWTPayload): string | null {
  const claim = payload.user_id ?? payload.sub;
  return typeof claim === 'string' ? parseUuid(claim) : null;
}

function permissionsOf(payload: JWTPayload): ReadonlySet<string> {
  const { permissions, scope } = payload;
  if (Array.isArray(permissions)) {
    return new Set(permissions.filter((permission) => typeof permission === 'string'));
  }
  if (typeof scope === 'string') return new Set(scope.split(' ').filter(Boolean));
  // A claim that is there but cannot be read grants nothing.
  return permissions === undefined && scope === undefined ? DEFAULT_PERMISSIONS : new Set();
}

function badToken(
  message: string,
  reason: 'invalid_token' | 'invalid_request' = 'invalid_token',
): Outcome<Caller> {
  return refused('UNAUTHENTICATED', message, { details: { reason } });
}
