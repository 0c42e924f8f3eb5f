import {
  isSluiceApiError,
  type Quota,
  type SessionStatus,
  type SluiceApiError,
  type SluiceClient,
} from '@sluice/client';
import { createRecentUploads } from './recent-uploads.ts';

/** What the service knows of the user, kept up to date by its events and, in case they are late, by asking. */
export interface AccountState {
  readonly quota: Quota | null;
  /** Live sessions, newest first; null until they are known. */
  readonly sessions: readonly SessionStatus[] | null;
  /** Completed ones that this tab heard of, newest first. */
  readonly recent: readonly SessionStatus[];
  /** When a session last moved, by its id, in milliseconds since the epoch. */
  readonly movedAt: Readonly<Record<string, number>>;
  /** Why the last question was not answered. */
  readonly fault: SluiceApiError | null;
}

export interface Account {
  snapshot(): AccountState;
  subscribe(listener: () => void): () => void;
  /** Asks soon; many calls at once make one question. */
  refresh(): void;
  /** Begins to listen. The function that comes back ends it. */
  follow(): () => void;
}

const ASK_EVERY_MS = 15_000;
const ASK_AGAIN_AFTER_FAULT_MS = 3000;
const SOON_MS = 150;

export function createAccount(client: SluiceClient): Account {
  const recent = createRecentUploads(client);
  const listeners = new Set<() => void>();
  let state: AccountState = { quota: null, sessions: null, recent: [], movedAt: {}, fault: null };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let left: AbortController | null = null;

  function change(changes: Partial<AccountState>): void {
    state = { ...state, ...changes };
    for (const listener of listeners) listener();
  }

  function askIn(ms: number): void {
    clearTimeout(timer);
    if (left) timer = setTimeout(() => void ask(left?.signal), ms);
  }

  async function ask(signal: AbortSignal | undefined): Promise<void> {
    if (!signal) return;
    try {
      const [quota, sessions] = await Promise.all([client.quota({ signal }), client.sessions({ signal })]);
      if (signal.aborted) return;
      change({ quota, sessions, recent: await recent.read(signal), fault: null });
      askIn(ASK_EVERY_MS);
    } catch (error) {
      if (signal.aborted) return;
      if (isSluiceApiError(error)) change({ fault: error });
      askIn(ASK_AGAIN_AFTER_FAULT_MS);
    }
  }

  async function listen(signal: AbortSignal): Promise<void> {
    try {
      for await (const event of client.events({ signal })) {
        if (event.type === 'quota') change({ quota: event.quota });
        else if (event.type === 'progress') moved(event.session_id, event.upload_offset);
        else {
          if (event.type === 'completed') recent.add(event.session_id);
          askIn(SOON_MS);
        }
      }
    } catch {
      // Asking goes on in any case, and tells what is wrong.
      if (!signal.aborted) setTimeout(() => void listen(signal), ASK_EVERY_MS);
    }
  }

  function moved(id: string, offset: number): void {
    const known = state.sessions?.some((session) => session.session_id === id);
    if (!known) askIn(SOON_MS);
    const sessions = state.sessions?.map((session) =>
      session.session_id === id ? { ...session, upload_offset: offset } : session,
    );
    // The event at the birth of a session tells of no byte yet.
    const movedAt = offset > 0 ? { ...state.movedAt, [id]: Date.now() } : state.movedAt;
    change({ movedAt, ...(sessions ? { sessions } : {}) });
  }

  return {
    snapshot: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh: () => askIn(SOON_MS),
    follow() {
      const leaving = new AbortController();
      left = leaving;
      const forget = client.onUpload(({ state: now, session }) => {
        if (now === 'done' && session) recent.add(session.sessionId);
        askIn(SOON_MS);
      });
      void ask(leaving.signal);
      void listen(leaving.signal);
      return () => {
        forget();
        clearTimeout(timer);
        leaving.abort();
      };
    },
  };
}
