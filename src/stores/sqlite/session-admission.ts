import { newSession } from '../../core/new-session.ts';
import type { Admission, AdmitResult, SessionStore } from '../../core/ports.ts';
import { type QuotaSnapshot, remainingBytes } from '../../core/quota.ts';
import { statusAt } from '../../core/session.ts';
import { text } from '../sql/columns.ts';
import { snapshot } from './cached-accounts.ts';
import { asSeen, type SessionRow } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

/** `SessionStore.admit`: everything that admission decides on and changes, in one transaction. */
export function createSessionAdmission(tables: SessionTables): Pick<SessionStore, 'admit'> {
  const { db, clock, sessions, reservations, accounts } = tables;
  const selectClaim = db.prepare(
    'SELECT fingerprint, session_id FROM idempotency_keys WHERE user_id = ? AND key = ? AND expires_at > ?',
  );
  const putClaim = db.prepare('INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)');

  function admit(admission: Admission): AdmitResult {
    const { sessionId, userId, idempotency } = admission;
    const now = clock.now();
    const account = accounts.current(userId, now);
    if (!account) return { kind: 'need_account', sealed: reservations.sealedOf(userId) };

    reservations.lapse(userId, now);
    const quota = snapshot(account, reservations.of(userId, now));
    const earlier = sessions.get(sessionId, now);
    if (earlier)
      return { kind: 'admitted', session: asSeen(earlier, now), quota, replayed: true, isListenedTo: true };
    const claimed = idempotency ? claimOf(userId, idempotency.key, now) : null;
    if (claimed && claimed.fingerprint !== idempotency?.fingerprint)
      return { kind: 'idempotency_key_reused' };
    if (claimed)
      return {
        kind: 'admitted',
        session: asSeen(claimed.session, now),
        quota,
        replayed: true,
        isListenedTo: true,
      };

    if (quota.activeSessions >= admission.maxActiveSessions) {
      return { kind: 'too_many_sessions', quota, retryAt: reservations.slotFreeAt(userId, now), now };
    }
    const required = bytesToReserve(admission, quota);
    const missing = required + quota.usedBytes + quota.reservedBytes - quota.limitBytes;
    if (missing > 0) {
      const retryAt = reservations.freeAt(userId, missing, account.periodEnd, now);
      return { kind: 'quota_exceeded', quota, required, retryAt, now };
    }

    const row = newRow(admission, required, now);
    sessions.insert(row);
    if (idempotency) {
      const { key, fingerprint } = idempotency;
      putClaim.run(userId, key, fingerprint, sessionId, now + admission.maxLifetimeMs);
    }
    const after = {
      ...quota,
      reservedBytes: quota.reservedBytes + required,
      activeSessions: quota.activeSessions + 1,
    };
    return { kind: 'admitted', session: asSeen(row, now), quota: after, replayed: false, isListenedTo: true };
  }

  /** Who holds the idempotency key, as long as that session is of use: otherwise the key is free again. */
  function claimOf(userId: string, key: string, now: number) {
    const claim = selectClaim.get(userId, key, now);
    if (!claim) return null;
    const session = sessions.get(text(claim, 'session_id'), now);
    if (!session) return null;
    const status = statusAt(session, now);
    if (status !== 'active' && status !== 'completed') return null;
    return { session, fingerprint: text(claim, 'fingerprint') };
  }

  return { admit: (admission) => db.write(() => admit(admission)) };
}

/** Where nothing was declared: all that is free, and at least one byte, so that a full account refuses. */
function bytesToReserve({ requestedBytes, maxFileSize }: Admission, quota: QuotaSnapshot): number {
  return requestedBytes ?? Math.max(1, Math.min(maxFileSize, remainingBytes(quota)));
}

function newRow(admission: Admission, reservedBytes: number, now: number): SessionRow {
  const session = newSession(admission, now, reservedBytes);
  const { expiresAt } = session;
  const { ttlMs, maxLifetimeMs } = admission;
  const neverEnded = { endedAt: null, purgeAt: null };
  return { ...session, ...neverEnded, ttlMs, maxLifetimeMs, reservedUntil: expiresAt, dueAt: expiresAt };
}
