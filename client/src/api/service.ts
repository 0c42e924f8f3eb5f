import { isSluiceApiError } from '../errors.ts';
import type { Exchange, Http } from './http.ts';
import type { InitiateRequest, InitiateResponse, Quota, SessionStatus } from './types.ts';

/** Most sessions that one page of the list can hold. */
const SESSIONS_PER_PAGE = 500;
const API = '/v1/dashboard/upload';

/** The dashboard's API, call by call. Everything throws `SluiceApiError`, or the signal's reason. */
export interface Service {
  quota(signal?: AbortSignal): Promise<Quota>;
  /** The caller's live sessions, newest first, all of them. */
  sessions(signal?: AbortSignal): Promise<SessionStatus[]>;
  session(sessionId: string, signal?: AbortSignal): Promise<SessionStatus>;
  /** Reserves the bytes and creates a session. Repeating it with the same `key` creates one session only. */
  initiate(request: InitiateRequest, key: string, signal?: AbortSignal): Promise<InitiateResponse>;
  /** What has become of an upload, by its `upload_url` alone: works when the access token has expired. */
  statusOf(uploadUrl: string, signal?: AbortSignal): Promise<SessionStatus>;
  /** Cancel by `upload_url`; gives the reservation back. */
  cancel(uploadUrl: string): Promise<void>;
}

export function createService(http: Http): Service {
  return {
    quota: (signal) => http.json(`${API}/quota`, { signal }),
    session: (id, signal) => http.json(`${API}/sessions/${encodeURIComponent(id)}`, { signal }),
    statusOf: (uploadUrl, signal) =>
      http.json(uploadUrl, {
        signal,
        withoutCredentials: true,
        once: true,
        headers: { Accept: 'application/json' },
      }),
    initiate: (body, key, signal) =>
      http.json(`${API}/initiate`, {
        method: 'POST',
        body,
        headers: { 'Idempotency-Key': key },
        signal,
        once: true,
      }),

    async cancel(uploadUrl) {
      try {
        await http.json(uploadUrl, { method: 'DELETE', withoutCredentials: true });
      } catch (error) {
        // It is over already: an earlier answer may have been lost.
        if (!isSluiceApiError(error) || (error.status !== 404 && error.status !== 410)) throw error;
      }
    },

    async sessions(signal) {
      const all: SessionStatus[] = [];
      let next: string | null = `${API}/sessions?limit=${SESSIONS_PER_PAGE}`;
      while (next !== null) {
        const page: Exchange<SessionStatus[]> = await http.exchange(next, { signal });
        all.push(...page.body);
        next = nextPage(page.headers.get('Link'), next);
      }
      return all;
    },
  };
}

/** RFC 8288: the target of `rel="next"`; one that is only a query belongs to the page it stands on. */
function nextPage(link: string | null, page: string): string | null {
  const target = link?.match(/<([^>]*)>\s*;[^,]*\brel="?next"?/)?.[1];
  if (target === undefined) return null;
  return target.startsWith('?') ? page.replace(/\?.*/, '') + target : target;
}
