import { createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';

/**
 * Signs session cookies as Flask and itsdangerous do, written out on its own: what the service reads must not be
 * tested against its own idea of it. `cookies.test.ts` holds it against a cookie that Flask made.
 */
export interface CookieOptions {
  readonly secret: string;
  /** Seconds since the epoch. */
  readonly at?: number;
  readonly salt?: string;
  readonly compress?: boolean;
}

export function signFlaskCookie(session: object | string, options: CookieOptions): string {
  const { secret, at = Math.floor(Date.now() / 1000), salt = 'cookie-session', compress = false } = options;
  const json = typeof session === 'string' ? session : JSON.stringify(session);
  const payload = compress
    ? `.${deflateSync(json).toString('base64url')}`
    : Buffer.from(json).toString('base64url');
  const time = Buffer.alloc(8);
  time.writeBigInt64BE(BigInt(at));
  const significant = time.subarray(time.findIndex((byte) => byte !== 0));
  return sealed(`${payload}.${significant.toString('base64url')}`, secret, salt);
}

export function sealed(value: string, secret: string, salt = 'cookie-session'): string {
  const key = createHmac('sha1', secret).update(salt).digest();
  return `${value}.${createHmac('sha1', key).update(value).digest('base64url')}`;
}
