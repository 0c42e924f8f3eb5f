import { hkdfSync, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Fewest bytes of `SECRET_KEY`: the size of an HMAC-SHA-256 key (RFC 7518, section 3.2). */
export const MIN_SECRET_BYTES = 32;

/** Purposes a key is derived for; each gets its own, so that none can stand in for another. */
type KeyPurpose = 'upload-token' | 'session-id-shard' | 'log-subject';

/** 32 bytes derived from a secret for one purpose alone (HKDF with SHA-256, RFC 5869). */
export function deriveKey(secret: string, purpose: KeyPurpose): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `sluice ${purpose} 1`, 32));
}

/**
 * The embedded profile's secret: made at the first start and kept in `dataDir/secret_key`, mode 0600. Of two
 * processes that start at once, both use the one that was there first, and never one half written.
 */
export function keptSecretKey(dataDir: string): string {
  const file = join(dataDir, 'secret_key');
  const kept = readSecret(file);
  if (kept !== null) return kept;

  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${randomBytes(48).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft);
  }
  return readSecret(file) ?? keptSecretKey(dataDir);
}

function readSecret(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
