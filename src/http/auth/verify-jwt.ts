import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  type ExportedJWKSCache,
  errors,
  type JWTPayload,
  jwksCache,
  jwtVerify,
} from 'jose';
import { SluiceError } from '../../core/errors.ts';

/** How far clocks may be apart, in seconds. */
export const CLOCK_TOLERANCE = 30;

export interface JwtOptions {
  /** Keys of HS256 tokens: the one in use first, then those that are being retired. */
  readonly secretKeys: readonly string[];
  /** Key set of RS256, ES256 and EdDSA tokens; null takes none of them. */
  readonly jwksUrl: string | null;
  /** Where not null, what `iss` and `aud` have to be. */
  readonly issuer: string | null;
  readonly audience: string | null;
}

const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA'];
/** RFC 8725, section 3.11: a token that says it is something else (an id token, a logout token) is not taken. */
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt']);
/** Headers that bring a key along, or say where one is (RFC 8725, section 3.10). Keys are ours to choose. */
const KEY_HEADERS = ['jku', 'jwk', 'x5u', 'x5c'];
/** An `exp` beyond this (the year 5138) was meant as milliseconds, and would live for ever. */
const LATEST_EXP = 1e11;

const FETCH_TIMEOUT_MS = 1500;
const FETCH_COOLDOWN_MS = 30_000;
const KEYS_MAX_AGE_MS = 600_000;

/** Finds out whether a token is good, and how long that holds. */
export interface Verification {
  /**
   * The claims of a token that is to be taken; rejects for all others: with a `SluiceError` where nobody knows, since the
   * key set cannot be fetched.
   */
  verify(token: string): Promise<Verified>;
  /** Whether a token that was good by these keys still is, its times apart: false once other keys were fetched. */
  standsBy(keys: Verified['keys']): boolean;
}

export interface Verified {
  readonly payload: JWTPayload;
  /** Our secrets, which are ours as long as we run, or a key set as it was fetched. */
  readonly keys: 'secrets' | ExportedJWKSCache['jwks'];
}

/** A token that has expired has, whoever signed it: no key is needed to know that. */
function refuseOver(token: string): void {
  const claims = decodeJwt(token);
  if ((claims.exp ?? 0) + CLOCK_TOLERANCE > Date.now() / 1000) return;
  throw new errors.JWTExpired('"exp" is past', claims, 'exp');
}

async function fetchKeySet(url: string, options: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, options);
    const body = await response.text();
    if (response.status !== 200) throw new Error(`The key set is answered with ${response.status}.`);
    return new Response(body);
  } catch (cause) {
    // Of the codes of the contract the one of what is neither Redis nor the ledger, as where clamd is away.
    throw new SluiceError('STORAGE_UNAVAILABLE', 'Access tokens cannot be checked now. Try again shortly.', {
      cause,
      retryAfterSeconds: 5,
    });
  }
}

/**
 * Checks signature and times of a compact JWT (RFC 7519, RFC 8725); rejects whatever is not to be taken.
 *
 * The algorithm decides which keys are asked, and each key serves one algorithm: secrets only HS256, keys of
 * the set only the one their type allows. A public key can never be taken for a secret. The set is fetched
 * from the configured URL alone, kept for ten minutes, and asked again for a key id nobody knows at most
 * once in half a minute.
 */
export function createVerification(options: JwtOptions): Verification {
  const secrets = options.secretKeys.map((secret) => new TextEncoder().encode(secret));
  /** The set as it was last fetched: with each fetch another object, put here in the moment in which it counts. */
  const fetched: ExportedJWKSCache = { jwks: { keys: [] }, uat: 0 };
  let nextRefresh = 0;
  const keySet =
    options.jwksUrl === null
      ? null
      : createRemoteJWKSet(new URL(options.jwksUrl), {
          timeoutDuration: FETCH_TIMEOUT_MS,
          cooldownDuration: FETCH_COOLDOWN_MS,
          cacheMaxAge: KEYS_MAX_AGE_MS,
          [jwksCache]: fetched,
          [customFetch]: fetchKeySet,
        });
  const claims = {
    clockTolerance: CLOCK_TOLERANCE,
    requiredClaims: ['exp'],
    ...(options.issuer === null ? {} : { issuer: options.issuer }),
    ...(options.audience === null ? {} : { audience: options.audience }),
  };

  async function bySecret(token: string): Promise<JWTPayload> {
    let refusal: unknown = new errors.JWSSignatureVerificationFailed();
    for (const secret of secrets) {
      try {
        return (await jwtVerify(token, secret, { ...claims, algorithms: ['HS256'] })).payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  async function verify(token: string): Promise<Verified> {
    const header = decodeProtectedHeader(token);
    if (!TYPES.has(header.typ)) throw new errors.JWTInvalid('typ is not that of an access token');
    if (KEY_HEADERS.some((name) => Object.hasOwn(header, name))) {
      throw new errors.JWTInvalid('a token may not bring its own key');
    }
    // Read before it is used: a set that comes in between is not the one by which the token is found good.
    const { jwks } = fetched;
    const bySet = keySet !== null && ASYMMETRIC.includes(header.alg ?? '');
    if (bySet) refuseOver(token);
    const payload = bySet
      ? (await jwtVerify(token, keySet, { ...claims, algorithms: ASYMMETRIC })).payload
      : await bySecret(token);
    if ((payload.exp ?? 0) > LATEST_EXP) throw new errors.JWTInvalid('exp is not in seconds');
    return { payload, keys: bySet ? jwks : 'secrets' };
  }

  /** Not waited for: while the set cannot be fetched, who was known by it stays known, until his token ends. */
  function refreshOld(): void {
    const now = Date.now();
    if (keySet === null || keySet.fresh || now < nextRefresh) return;
    nextRefresh = now + FETCH_COOLDOWN_MS;
    keySet.reload().catch(() => {});
  }

  return {
    verify,
    standsBy(keys) {
      if (keys === 'secrets') return true;
      refreshOld();
      return keys === fetched.jwks;
    },
  };
}
