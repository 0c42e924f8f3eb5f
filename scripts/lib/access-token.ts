import { createHmac } from 'node:crypto';

export interface TokenOptions {
  readonly user: string;
  /** Default: none named, so the service grants what every user has. */
  readonly permissions?: readonly string[];
  /** Seconds. */
  readonly ttl?: number;
}

/**
 * A JWT signed with HS256 (RFC 7519), written out here on its own so that tests and the demo look at the
 * service from outside, as somebody else's identity provider would.
 */
export function signAccessToken(secret: string, options: TokenOptions): string {
  const { user, permissions, ttl = 3600 } = options;
  const now = Math.floor(Date.now() / 1000);
  const claims = { user_id: user, iat: now, exp: now + ttl, ...(permissions ? { permissions } : {}) };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
