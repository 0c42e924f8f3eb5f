import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { OpenedText, TextCipher } from '../../core/ports.ts';

/**
 * AES-256-GCM (NIST SP 800-38D). A sealed text is `enc1.<key id>.<base64url of nonce, ciphertext, tag>`.
 *
 * The nonce is random, 96 bits: one key is good for 2^32 texts (section 8.3), which is a hundred a second for
 * a year. Associated with the ciphertext are its format, the key id and the context, the session's id:
 * neither can be exchanged, and a text does not open in another session.
 */
const FORMAT = 'enc1';
const SEALED = /^enc1\.([\w-]{1,32})\.([\w-]+)$/;
const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface CipherKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/**
 * @param deps.keys the first one seals, all open.
 * @param deps.onOldKey told once of each other key that still opens something: it must not be dropped yet.
 */
export function createTextCipher(deps: {
  readonly keys: readonly [CipherKey, ...CipherKey[]];
  readonly onOldKey?: (keyId: string) => void;
}): TextCipher {
  const [sealing] = deps.keys;
  const byId = new Map(deps.keys.map(({ id, key }) => [id, key]));
  const oldKeysSeen = new Set<string>();

  function noteKey(keyId: string): void {
    if (keyId === sealing.id || oldKeysSeen.has(keyId)) return;
    oldKeysSeen.add(keyId);
    deps.onOldKey?.(keyId);
  }

  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, sealing.key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associated(sealing.id, context));
      const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `${FORMAT}.${sealing.id}.${Buffer.concat(sealed).toString('base64url')}`;
    },

    open(sealed, context): OpenedText {
      // A session that was there before encryption was turned on; no document begins like a sealed text.
      if (!sealed.startsWith(`${FORMAT}.`)) return { kind: 'opened', text: sealed };
      const [, keyId = '', encoded = ''] = SEALED.exec(sealed) ?? [];
      const key = byId.get(keyId);
      if (!key) return { kind: 'unreadable', reason: 'unknown_key', keyId };
      const text = decrypt(key, Buffer.from(encoded, 'base64url'), associated(keyId, context));
      if (text === null) return { kind: 'unreadable', reason: 'not_authentic', keyId };
      noteKey(keyId);
      return { kind: 'opened', text };
    },
  };
}

function associated(keyId: string, context: string): Buffer {
  return Buffer.from(`${FORMAT}\n${keyId}\n${context}`);
}

function decrypt(key: Uint8Array, bytes: Buffer, aad: Buffer): string | null {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
