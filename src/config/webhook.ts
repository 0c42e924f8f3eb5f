import type { Settings } from './variables.ts';

/** Where events are delivered, and how they are signed. */
export interface WebhookReceiver {
  readonly url: string;
  /** Keys of Standard Webhooks; every event is signed with each. */
  readonly keys: readonly Buffer[];
  /** Addresses that are not of the public Internet are allowed. */
  readonly allowPrivate: boolean;
}

const ADVICE = 'Set it to whsec_ and the output of: openssl rand -base64 32.';

/** Null where no webhook is wanted. */
export function readWebhook(
  { WEBHOOK_URL: url, WEBHOOK_SECRET: secrets, WEBHOOK_ALLOW_PRIVATE: allowPrivate }: Settings,
  faults: string[],
): WebhookReceiver | null {
  if (url === undefined) return null;
  const { protocol } = URL.parse(url) ?? { protocol: '' };
  if (protocol !== 'https:' && protocol !== 'http:')
    faults.push('WEBHOOK_URL: its value is not an http(s) URL.');
  if (secrets.length === 0) faults.push(`WEBHOOK_SECRET: is not set, and WEBHOOK_URL is. ${ADVICE}`);

  const keys = secrets.map(readSigningKey).filter((key) => key !== null);
  if (keys.length < secrets.length) {
    faults.push(`WEBHOOK_SECRET: its value is not whsec_ and 24 to 64 bytes in base64. ${ADVICE}`);
  }
  return { url, keys, allowPrivate };
}

const PREFIX = 'whsec_';
/** Standard Webhooks: "at least 24 bytes (192 bits, 512 maximum)". */
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** Bytes of a secret written as `whsec_` and base64; null where it is not one. */
export function readSigningKey(secret: string): Buffer | null {
  if (!secret.startsWith(PREFIX)) return null;
  const encoded = secret.slice(PREFIX.length).replace(/={0,2}$/, '');
  const key = Buffer.from(encoded, 'base64');
  if (key.toString('base64').replace(/={0,2}$/, '') !== encoded) return null;
  return key.length >= MIN_BYTES && key.length <= MAX_BYTES ? key : null;
}
