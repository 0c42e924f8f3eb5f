import { isSluiceApiError, type SessionStatus, type SluiceClient } from '@sluice/client';

/**
 * Completed uploads, newest first. The service lists live sessions only but remembers ended ones by their id: this
 * browser keeps the ids that any of its tabs heard of, for as long as the service knows what they were. What was
 * completed on another device shows where a tab was open at that moment.
 */
export interface RecentUploads {
  add(sessionId: string): void;
  /** Those that the service still knows, and that are the user's own. */
  read(signal: AbortSignal): Promise<SessionStatus[]>;
}

const KEY = 'sluice.recent';
const MOST = 8;

export function createRecentUploads(client: SluiceClient): RecentUploads {
  const known = new Map<string, SessionStatus | null>();

  async function statusOf(id: string, signal: AbortSignal): Promise<SessionStatus | null> {
    const before = known.get(id);
    if (before !== undefined) return before;
    try {
      const status = await client.session(id, { signal });
      known.set(id, status);
      return status;
    } catch (error) {
      if (!isSluiceApiError(error) || (error.status !== 404 && error.status !== 403)) throw error;
      // Somebody else who uses this browser may ask for it again.
      if (error.status === 404) writeIds(readIds().filter((other) => other !== id));
      known.set(id, null);
      return null;
    }
  }

  return {
    add: (id) => writeIds([id, ...readIds().filter((other) => other !== id)].slice(0, MOST)),
    async read(signal) {
      const all = await Promise.all(readIds().map((id) => statusOf(id, signal)));
      return all.filter((status) => status !== null).filter(({ status }) => status === 'completed');
    },
  };
}

function readIds(): string[] {
  return (localStorage.getItem(KEY) ?? '').split(' ').filter(Boolean);
}

function writeIds(ids: readonly string[]): void {
  localStorage.setItem(KEY, ids.join(' '));
}
