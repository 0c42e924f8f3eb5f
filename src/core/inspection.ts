import { accepted, type Outcome, refused } from './errors.ts';
import type { Accounts, SessionStore } from './ports.ts';
import type { Session } from './session.ts';

export interface ValidateRequest {
  readonly sessionId: string;
  /** The user the session is said to belong to. */
  readonly userId: string;
  /** The user who asks. */
  readonly callerId: string;
  /** The caller has `validate_sessions`: he may ask on anybody's behalf. */
  readonly mayAskForOthers: boolean;
}

export interface Validation {
  readonly session: Session;
  readonly isValid: boolean;
  /** Why it is not valid, for people; null where it is. */
  readonly errorMessage: string | null;
}

export interface SessionPage {
  readonly sessions: readonly Session[];
  /** Cursor of the next page; null on the last one. */
  readonly next: string | null;
}

const WHY_INVALID = {
  completed: 'The upload is complete; the session takes no more bytes.',
  failed: 'The upload failed; start a new session.',
  cancelled: 'The session was cancelled; start a new one.',
  expired: 'The session has expired; start a new one.',
} as const;

export function createInspection({ store }: { store: SessionStore & Accounts }) {
  async function session(sessionId: string, userId: string): Promise<Outcome<Session>> {
    const found = await store.find(sessionId);
    if (!found) return refused('SESSION_NOT_FOUND', 'There is no such upload session. Start a new one.');
    if (found.userId !== userId) {
      return refused('UNAUTHORIZED_ACCESS', 'This upload session belongs to somebody else.');
    }
    return accepted(found);
  }

  async function validate(request: ValidateRequest): Promise<Outcome<Validation>> {
    if (request.userId !== request.callerId && !request.mayAskForOthers) {
      return refused('PERMISSION_DENIED', 'You may validate your own sessions only.', {
        details: { required: 'validate_sessions' },
      });
    }
    const found = await session(request.sessionId, request.userId);
    if (!found.ok) return found;
    const { status } = found.value;
    return accepted({
      session: found.value,
      isValid: status === 'active',
      errorMessage: status === 'active' ? null : WHY_INVALID[status],
    });
  }

  async function sessions(
    userId: string,
    page: { limit: number; after: string | null },
  ): Promise<SessionPage> {
    const live = await store.liveSessions(userId);
    const rest = page.after === null ? live : live.filter((one) => isBehind(one, page.after ?? ''));
    const shown = rest.slice(0, page.limit);
    const last = shown.at(-1);
    return { sessions: shown, next: last && rest.length > shown.length ? placeOf(last) : null };
  }

  return { session, validate, sessions };
}

/** The cursor names the last session shown, so sessions that end or begin meanwhile shift nothing. */
export function placeOf(session: Session): string {
  return `${session.createdAt}.${session.sessionId}`;
}

export function isBehind(session: Session, cursor: string): boolean {
  const dot = cursor.indexOf('.');
  const createdAt = Number(cursor.slice(0, dot));
  if (session.createdAt !== createdAt) return session.createdAt < createdAt;
  return session.sessionId < cursor.slice(dot + 1);
}
