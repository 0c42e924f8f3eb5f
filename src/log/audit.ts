import { createHmac } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { Events, SessionEvent } from '../core/ports.ts';
import { createRecent } from '../core/recent.ts';

/**
 * Who was let do what, as log lines with `audit: true` and the name of the event. Users stand in it under a
 * pseudonym, the same one in every line and on every instance, which only the holder of `SECRET_KEY` can
 * connect with a user.
 */
export type AuditEvent =
  | 'authentication.failed'
  | 'request.refused'
  | 'session.created'
  | 'session.completed'
  | 'session.failed'
  | 'session.cancelled'
  | 'session.expired'
  | 'quota.changed'
  | 'session.cancelled_by_administrator'
  | 'usage.exported'
  | 'keys.configured'
  | 'encryption.old_key_in_use'
  | 'encryption.unreadable'
  | 'file.infected'
  | 'file.not_scanned';

/** Events that somebody should look at. */
const WARNINGS: ReadonlySet<AuditEvent> = new Set([
  'encryption.unreadable',
  'file.infected',
  'file.not_scanned',
]);

/** Levels of the log that let `info` through. */
const WITH_INFO: ReadonlySet<string> = new Set(['info', 'debug', 'trace']);

export interface Audit {
  /** `log`: that of the request, which adds the request's id. */
  record(
    event: AuditEvent,
    fields: Readonly<Record<string, unknown>>,
    log?: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  ): void;
  /** Whether a line of this event would be written: making one costs more than asking. */
  writes(event: AuditEvent): boolean;
  /** Pseudonym of a user. */
  subject(userId: string): string;
}

const SUBJECTS_REMEMBERED = 10_000;

/** @param deps.key 32 bytes, used for pseudonyms alone. */
export function createAudit(deps: { readonly log: FastifyBaseLogger; readonly key: Uint8Array }): Audit {
  const subjects = createRecent<string>(SUBJECTS_REMEMBERED);
  return {
    record(event, fields, log = deps.log) {
      const line = { audit: true, event, ...fields };
      if (WARNINGS.has(event)) log.warn(line, event);
      else log.info(line, event);
    },
    writes: (event) => WARNINGS.has(event) || WITH_INFO.has(deps.log.level),
    subject(userId) {
      const known = subjects.get(userId);
      if (known !== undefined) return known;
      const subject = createHmac('sha256', deps.key).update(userId).digest('base64url').slice(0, 16);
      subjects.set(userId, subject);
      return subject;
    },
  };
}

const AUDITED: Readonly<Partial<Record<SessionEvent['type'], AuditEvent>>> = {
  created: 'session.created',
  completed: 'session.completed',
  failed: 'session.failed',
  cancelled: 'session.cancelled',
  expired: 'session.expired',
};

/** Writes a line for each session that begins or ends. */
export function auditSessions(audit: Audit): Events {
  return {
    emit({ type, sessionId, userId, uploadOffset, uploadLength, errorCode }) {
      const event = AUDITED[type];
      if (event === undefined || !audit.writes(event)) return;
      audit.record(event, {
        session_id: sessionId,
        subject: audit.subject(userId),
        upload_offset: uploadOffset,
        upload_length: uploadLength,
        ...(errorCode === undefined ? {} : { error_code: errorCode }),
      });
    },
  };
}
