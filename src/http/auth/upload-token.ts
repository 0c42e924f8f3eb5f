import { createHmac, createSecretKey, type Hmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { createRecent } from '../../core/recent.ts';
import type { Session } from '../../core/session.ts';

/**
 * The token in `upload_url`: it stands for one session of one owner until a moment, and for nothing else.
 * 38 bytes in base64url: expiry in seconds (6 bytes, big-endian), then HMAC-SHA-256 over session id, owner
 * and expiry. The owner is not in it: whoever checks it has the session at hand, so that a token can
 * never speak for a session that belongs to somebody else by then.
 */
export interface UploadTokens {
  /** The session's token. The same session always gets the same one, so that a repeated answer repeats. */
  issue(session: TokenSubject): string;
  /** The same, for a session that is likely to be asked for again: its token is remembered for a while. */
  reissue(session: TokenSubject): string;
  /** Whether `token` was issued for this very session and is still good at `now` (milliseconds). */
  verify(token: string, session: TokenSubject, now: number): boolean;
}

type TokenSubject = Pick<Session, 'sessionId' | 'userId' | 'createdAt'>;

const EXPIRY_BYTES = 6;
const MAC_BYTES = 32;
/** Tokens that are not computed anew. They are as safe as the key that makes them, which stands in the same memory. */
const REMEMBERED_TOKENS = 2000;
const TOKEN_LENGTH = Math.ceil(((EXPIRY_BYTES + MAC_BYTES) * 4) / 3);

/**
 * Every ended session answers with its status for an hour more; its token must not die before. The second
 * half hour covers the gap between the session store's clock and this one.
 */
const GRACE_MS = 5_400_000;

/**
 * @param deps.keys 32 bytes each, used for nothing else. The first one signs; tokens of the others are still taken.
 * @param deps.maxLifetimeMs the longest a session can live, from its creation.
 */
export function createUploadTokens(deps: {
  readonly keys: readonly Uint8Array[];
  readonly maxLifetimeMs: number;
}): UploadTokens {
  // As key objects they need not be made ready for each token, which costs a quarter of it.
  const keys = deps.keys.map((key) => createSecretKey(key));
  const [signingKey] = keys;
  if (signingKey === undefined) throw new TypeError('upload tokens need a key');

  function macOf(key: KeyObject, subject: TokenSubject, expiry: number): Hmac {
    return createHmac('sha256', key).update(`upload\n${subject.sessionId}\n${subject.userId}\n${expiry}`);
  }

  const issued = createRecent<TokenSubject & { readonly token: string }>(REMEMBERED_TOKENS);

  function issue(key: KeyObject, subject: TokenSubject): string {
    const expiry = Math.ceil((subject.createdAt + deps.maxLifetimeMs + GRACE_MS) / 1000);
    const head = Buffer.allocUnsafe(EXPIRY_BYTES);
    head.writeUIntBE(expiry, 0, EXPIRY_BYTES);
    // Six bytes are eight characters, so the two can be written one behind the other.
    return head.toString('base64url') + macOf(key, subject, expiry).digest('base64url');
  }

  return {
    issue: (subject) => issue(signingKey, subject),

    reissue({ sessionId, userId, createdAt }) {
      const known = issued.get(sessionId);
      if (known?.userId === userId && known.createdAt === createdAt) return known.token;
      const token = issue(signingKey, { sessionId, userId, createdAt });
      issued.set(sessionId, { sessionId, userId, createdAt, token });
      return token;
    },

    verify(token, subject, now) {
      if (token.length !== TOKEN_LENGTH) return false;
      const bytes = Buffer.from(token, 'base64url');
      // Node skips what is not base64url: one token has one spelling.
      if (bytes.length !== EXPIRY_BYTES + MAC_BYTES || bytes.toString('base64url') !== token) return false;
      const expiry = bytes.readUIntBE(0, EXPIRY_BYTES);
      const mac = bytes.subarray(EXPIRY_BYTES);
      const isOurs = keys.some((key) => timingSafeEqual(mac, macOf(key, subject, expiry).digest()));
      return isOurs && now < expiry * 1000;
    },
  };
}
