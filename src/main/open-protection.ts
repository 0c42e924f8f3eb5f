import type { FastifyBaseLogger } from 'fastify';
import { deriveKey } from '../config/secret-key.ts';
import type { Config } from '../config.ts';
import type {
  Accounts,
  Concatenation,
  DueSessions,
  Scanner,
  SessionStore,
  TextCipher,
} from '../core/ports.ts';
import { type Audit, createAudit } from '../log/audit.ts';

/** What protects the service, as configured: the audit trail, encryption at rest, the scanner. */

export function openAudit(config: Config, log: FastifyBaseLogger): Audit {
  return createAudit({ log, key: deriveKey(config.secretKey, 'log-subject') });
}

/** One line at the start that says which keys are in force, by their number and ids. */
export function auditKeys(config: Config, audit: Audit): void {
  audit.record('keys.configured', {
    secret_key_fallbacks: config.secretKeyFallbacks.length,
    flask_keys: config.flask?.secrets.length ?? 0,
    key_set: config.jwt.jwksUrl !== null,
    session_encryption_keys: config.protection.encryptionKeys.map(({ id }) => id),
  });
}

/** What encrypts in Redis; null where no keys are configured. */
export async function openCipher({ protection }: Config, audit: Audit): Promise<TextCipher | null> {
  const [first, ...others] = protection.encryptionKeys;
  if (first === undefined) return null;
  const { createTextCipher } = await import('../stores/encryption/text-cipher.ts');
  return createTextCipher({
    keys: [first, ...others],
    onOldKey: (keyId) => audit.record('encryption.old_key_in_use', { key_id: keyId }),
  });
}

/** The same sessions, encrypted at rest where there is a cipher. */
export async function protectSessions<
  S extends SessionStore & Accounts & DueSessions & Partial<Concatenation>,
>(sessions: S, cipher: TextCipher | null, audit: Audit): Promise<S> {
  if (cipher === null) return sessions;
  const { encryptSessions } = await import('../stores/encryption/encrypted-sessions.ts');
  return encryptSessions(sessions, {
    cipher,
    onUnreadable: (sessionId, { reason, keyId }) =>
      audit.record('encryption.unreadable', { session_id: sessionId, reason, key_id: keyId }),
  });
}

/** Null where files are not scanned. clamd is first spoken to when there is a file. */
export async function openScanner({ protection }: Config, audit: Audit): Promise<Scanner | null> {
  if (protection.clamd === null) return null;
  const [{ createClamdScanner }, { auditScanner }] = await Promise.all([
    import('../scanning/clamd.ts'),
    import('../scanning/audited-scanner.ts'),
  ]);
  const { failOpen, ...address } = protection.clamd;
  return auditScanner(createClamdScanner(address), { audit, failOpen });
}
