import { createHmac } from 'node:crypto';

/**
 * Signatures of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), symmetric scheme `v1`. It is one
 * HMAC, so the specification is followed here rather than through its package, which brings an HMAC written
 * in JavaScript with it; the tests check against that package's verifier.
 */

/** Value of `webhook-signature`: one for each key, so that a key can be changed without a gap. */
export function signatures(
  keys: readonly Buffer[],
  message: { readonly id: string; readonly timestamp: number; readonly body: string },
): string {
  const content = `${message.id}.${message.timestamp}.${message.body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}
