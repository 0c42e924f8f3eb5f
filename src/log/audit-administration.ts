import type { FastifyBaseLogger } from 'fastify';
import type { LimitChangeReport } from '../core/bulk-quotas.ts';
import type { Cancellation } from '../core/session-list.ts';
import type { Audit } from './audit.ts';

/** A line for every change that an administrator made among many, and one for the whole. */

type Log = Pick<FastifyBaseLogger, 'info' | 'warn'>;

/** `by`: who did it, as audit lines name him. */
export function auditQuotaFile(
  audit: Audit,
  { by, reports }: { readonly by: string; readonly reports: readonly LimitChangeReport[] },
  log?: Log,
): void {
  for (const { userId, line, result, limitBytes, previous, error } of reports) {
    // Of a line that failed nobody knows whether it was written.
    if (result !== 'changed' && result !== 'failed') continue;
    const change = { quota_limit: limitBytes, previous_limit: previous, line };
    const fault = error === undefined ? {} : { error };
    audit.record('quota.changed', { subject: audit.subject(userId), by, ...change, ...fault }, log);
  }
}

export function auditCancellations(
  audit: Audit,
  { by, sessions }: { readonly by: string; readonly sessions: readonly Cancellation[] },
  log?: Log,
): void {
  for (const { sessionId, userId, result } of sessions) {
    if (result !== 'cancelled' || userId === null) continue;
    const fields = { session_id: sessionId, subject: audit.subject(userId), by };
    audit.record('session.cancelled_by_administrator', fields, log);
  }
}
