import { createHmac, timingSafeEqual } from 'node:crypto';
import { inflateSync } from 'node:zlib';

/**
 * Reads session cookies as Flask signs them through itsdangerous' `URLSafeTimedSerializer`:
 *
 *     payload "." timestamp "." signature
 *
 * payload    base64url of the JSON, or "." and base64url of its zlib stream (itsdangerous, url_safe.py)
 * timestamp  base64url of the big-endian seconds since the epoch (timed.py)
 * signature  base64url of HMAC-SHA1 over `payload.timestamp`, keyed with HMAC-SHA1(secret, "cookie-session")
 *            (signer.py, key derivation "hmac"; Flask's sessions.py names salt, derivation and digest)
 *
 * A cookie comes from a stranger until its signature is checked, so that is done first, in constant time and
 * on the text as it was sent: nothing is decoded, inflated or parsed before.
 */
export interface FlaskSessions {
  /** The session inside, or null for any cookie that Flask would not take (and for any that is too large). */
  read(cookie: string, nowMs: number): Readonly<Record<string, unknown>> | null;
}

/** A browser keeps 4096 bytes a cookie; proxies that join chunks may bring a little more. */
const MAX_COOKIE_LENGTH = 8192;
/** A few kilobytes of zlib can stand for megabytes. No session needs more than this. */
const MAX_INFLATED_BYTES = 65_536;
/** The clock of the signing host may be ahead of ours by this much. */
const CLOCK_TOLERANCE_SECONDS = 30;
const SALT = 'cookie-session';
const SHA1_BYTES = 20;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * @param options.secrets `FLASK_SECRET_KEY` first, then its fallbacks. Any of them may have signed.
 * @param options.maxAgeSeconds Flask's `PERMANENT_SESSION_LIFETIME`, 31 days by default.
 */
export function createFlaskSessions(options: {
  readonly secrets: readonly string[];
  readonly maxAgeSeconds: number;
}): FlaskSessions {
  const keys = options.secrets.map((secret) => createHmac('sha1', secret).update(SALT).digest());

  function isSigned(value: string, signature: string): boolean {
    const given = Buffer.alloc(SHA1_BYTES);
    const decodes = BASE64URL.test(signature) && Buffer.from(signature, 'base64url').length === SHA1_BYTES;
    if (decodes) Buffer.from(signature, 'base64url').copy(given);
    // Every key is tried, whichever fits, so that the time tells nothing about which one does.
    let fits = false;
    for (const key of keys) {
      const expected = createHmac('sha1', key).update(value).digest();
      fits = timingSafeEqual(expected, given) || fits;
    }
    return fits && decodes;
  }

  function isInTime(timestamp: string, nowMs: number): boolean {
    if (!BASE64URL.test(timestamp) || timestamp.length > 8) return false;
    const bytes = Buffer.from(timestamp, 'base64url');
    if (bytes.length === 0) return false;
    const age = Math.floor(nowMs / 1000) - bytes.readUIntBE(0, bytes.length);
    return age >= -CLOCK_TOLERANCE_SECONDS && age <= options.maxAgeSeconds;
  }

  return {
    read(cookie, nowMs) {
      if (cookie.length > MAX_COOKIE_LENGTH) return null;
      // From the right: a compressed payload begins with a dot of its own.
      const signatureDot = cookie.lastIndexOf('.');
      const timestampDot = cookie.lastIndexOf('.', signatureDot - 1);
      if (signatureDot < 1 || timestampDot < 1) return null;
      if (!isSigned(cookie.slice(0, signatureDot), cookie.slice(signatureDot + 1))) return null;
      if (!isInTime(cookie.slice(timestampDot + 1, signatureDot), nowMs)) return null;
      return parsePayload(cookie.slice(0, timestampDot));
    },
  };
}

function parsePayload(payload: string): Record<string, unknown> | null {
  const compressed = payload.startsWith('.');
  const text = compressed ? payload.slice(1) : payload;
  // Node skips characters that are not base64url; whoever holds a key has no reason to send them.
  if (!BASE64URL.test(text)) return null;
  try {
    const bytes = Buffer.from(text, 'base64url');
    const json = compressed ? inflateSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES }) : bytes;
    const session: unknown = JSON.parse(json.toString('utf8'));
    return isObject(session) ? session : null;
  } catch {
    return null;
  }
}

/**
 * A text or a UUID out of a session's value: Flask tags what JSON lacks (flask/json/tag.py), and a UUID
 * stands as `{" u": "<32 hex digits>"}`.
 */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!isObject(value) || Object.keys(value).length !== 1) return null;
  const hex = Object.hasOwn(value, ' u') ? value[' u'] : null;
  if (typeof hex !== 'string' || !/^[0-9a-f]{32}$/i.test(hex)) return null;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The member of that name, never one that is inherited. */
export function memberOf(session: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(session, name) ? session[name] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
