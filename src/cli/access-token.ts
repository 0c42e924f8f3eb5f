import { SignJWT } from 'jose';
import type { Config } from '../config.ts';

/** Signs an access token that this configuration accepts. `ttlSeconds` from now. */
export async function signAccessToken(
  config: Pick<Config, 'secretKey' | 'jwt'>,
  claims: { readonly userId: string; readonly permissions: readonly string[]; readonly ttlSeconds: number },
): Promise<{ readonly token: string; readonly expiresAt: Date }> {
  const expiresAt = new Date((Math.floor(Date.now() / 1000) + claims.ttlSeconds) * 1000);
  const jwt = new SignJWT({ user_id: claims.userId, permissions: claims.permissions })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.userId)
    .setIssuedAt()
    .setExpirationTime(expiresAt);
  if (config.jwt.issuer !== null) jwt.setIssuer(config.jwt.issuer);
  if (config.jwt.audience !== null) jwt.setAudience(config.jwt.audience);
  return { token: await jwt.sign(new TextEncoder().encode(config.secretKey)), expiresAt };
}
