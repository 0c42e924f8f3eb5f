import { isSluiceApiError, type SessionStatus, type SluiceClient } from '@sluice/client';

/**
 * Completed uploads, newest first. The service lists live sessions only but remembers ended ones by their id: the
 * ids that this tab heard of outlive a reload, no longer than the tab.
 */
export interface RecentUploads {
  add(sessionId: string): void;
  /** Those that the service still knows. */
  read(signal: AbortSignal): Promise<SessionStatus[]>;
}

const KEY = 'sluice.recent';
const MOST = 8;

export function createRecentUploads(client: SluiceClient): RecentUploads {
  const known = new Map<string, SessionStatus>();

  async function statusOf(id: string, signal: AbortSignal): Promise<SessionStatus | null> {
    const before = known.get(id);
    if (before) return before;
    try {
      const status = await client.session(id, { signal });
      known.set(id, status);
      return status;
    } catch (error) {
      if (isSluiceApiError(error) && (error.status === 404 || error.status === 403)) {
        writeIds(readIds().filter((other) => other !== id));
        return null;
      }
      throw error;
    }
  }

  return {
    add: (id) => writeIds([id, ...readIds().filter((other) => other !== id)].slice(0, MOST)),
    async read(signal) {
      const all = await Promise.all(readIds().map((id) => statusOf(id, signal)));
      return all.filter((status) => status?.status === 'completed') as SessionStatus[];
    },
  };
}

function readIds(): string[] {
  return (sessionStorage.getItem(KEY) ?? '').split(' ').filter(Boolean);
}

function writeIds(ids: readonly string[]): void {
  sessionStorage.setItem(KEY, ids.join(' '));
}
