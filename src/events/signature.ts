import { createHmac } from 'node:crypto';

/**
 * Signatures of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), symmetric scheme `v1`. It is one
 * HMAC, so the specification is followed here rather than through its package, which brings an HMAC written
 * in JavaScript with it; the tests check against that package's verifier.
 */

const PREFIX = 'whsec_';
/** "Random. At least 24 bytes (192 bits, 512 maximum)". */
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** Bytes of a secret written as `whsec_` and base64; null where it is not one. */
export function readSigningKey(secret: string): Buffer | null {
  if (!secret.startsWith(PREFIX)) return null;
  const encoded = secret.slice(PREFIX.length);
  const key = Buffer.from(encoded, 'base64');
  const written = encoded.replaceAll('=', '');
  if (key.toString('base64').replaceAll('=', '') !== written) return null;
  return key.length >= MIN_BYTES && key.length <= MAX_BYTES ? key : null;
}

/** Value of `webhook-signature`: one for each key, so that a key can be changed without a gap. */
export function signatures(
  keys: readonly Buffer[],
  message: { readonly id: string; readonly timestamp: number; readonly body: string },
): string {
  const content = `${message.id}.${message.timestamp}.${message.body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}
