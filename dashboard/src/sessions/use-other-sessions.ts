import type { SessionStatus, UploadSnapshot } from '@sluice/client';
import type { AccountState } from '../account/account.ts';
import { useNow } from '../parts/use-now.ts';

/** A session that moved in so many milliseconds is being fed by somebody. */
const MOVING_MS = 4000;

export interface OtherSessions {
  /** Live ones that no upload of this page holds. */
  readonly sessions: readonly SessionStatus[];
  /** Those of them that move. */
  readonly moving: readonly SessionStatus[];
}

export function useOtherSessions(
  { sessions, movedAt }: AccountState,
  uploads: readonly UploadSnapshot[],
): OtherSessions {
  const own = new Set(uploads.map(({ session }) => session?.sessionId));
  const others = (sessions ?? []).filter(({ session_id }) => !own.has(session_id));
  const now = useNow(others.length > 0);
  return {
    sessions: others,
    moving: others.filter(({ session_id }) => now - (movedAt[session_id] ?? 0) < MOVING_MS),
  };
}
