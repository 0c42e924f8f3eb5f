import type { Session } from '../core/session.ts';
import type { SessionStatusBody } from './schemas.ts';
import type { Urls } from './urls.ts';

/** RFC 3339 in UTC with milliseconds. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * JSON text of one session status. It is text because the dashboard's context is put in as it was sent:
 * parsing and printing it again would cost time and change numbers such as `1.0` or those beyond 2^53.
 */
export function sessionStatusJson(session: Session, urls: Urls): string {
  return withContext(sessionStatusView(session, urls), session.dashboardContext);
}

/** JSON text of `view` with the member `dashboard_context` added, which is JSON text already. */
export function withContext(view: object, dashboardContext: string): string {
  return `${JSON.stringify(view).slice(0, -1)},"dashboard_context":${dashboardContext}}`;
}

function sessionStatusView(session: Session, urls: Urls): Omit<SessionStatusBody, 'dashboard_context'> {
  const active = session.status === 'active';
  return {
    session_id: session.sessionId,
    user_id: session.userId,
    status: session.status,
    created_at: timestamp(session.createdAt),
    expires_at: timestamp(session.expiresAt),
    upload_url: active ? urls.uploadUrlAgain(session) : null,
    is_expired: session.status === 'expired',
    is_valid: active,
    expected_file_size: session.expectedFileSize,
    file_format: session.detectedFormat ?? session.fileFormat,
    filename: session.filename,
    upload_offset: session.uploadOffset,
    upload_length: session.uploadLength,
    completed_at: session.completedAt === null ? null : timestamp(session.completedAt),
    sha256: session.contentSha256 ?? session.sha256,
    failure: session.failure,
  };
}
