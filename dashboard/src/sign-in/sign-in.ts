import { createClient, isSluiceApiError } from '@sluice/client';
import { forgetToken, keepToken, readToken } from './credentials.ts';

export interface SignInState {
  /** Null where the dashboard's cookie speaks, or nobody. */
  readonly token: string | null;
  /** Something waits for a sign-in. */
  readonly wanted: boolean;
  /** The token that was offered last was not taken. */
  readonly refused: boolean;
}

/** Who is signed in. What needs credentials that have expired waits here until the user has new ones. */
export interface SignIn {
  snapshot(): SignInState;
  subscribe(listener: () => void): () => void;
  /** For the client. */
  getToken(request: { readonly refresh: boolean }): string | null | Promise<string | null>;
  /** Tries a token; it is kept where the service takes it. */
  offer(text: string): Promise<void>;
  /** Looks whether the user has signed in elsewhere meanwhile: the cookie is the same in all tabs. */
  look(): Promise<void>;
  signOut(): void;
}

export function createSignIn(): SignIn {
  const listeners = new Set<() => void>();
  let state: SignInState = { token: readToken(), wanted: false, refused: false };
  let waiting: PromiseWithResolvers<string | null> | null = null;

  function change(changes: Partial<SignInState>): void {
    state = { ...state, ...changes };
    for (const listener of listeners) listener();
  }

  function settle(token: string | null): void {
    change({ token, wanted: false, refused: false });
    waiting?.resolve(token);
    waiting = null;
  }

  async function look(): Promise<void> {
    const { token } = state;
    if (waiting && (await accepted(token))) settle(token);
    else if (waiting) change({ wanted: true });
  }

  return {
    snapshot: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getToken({ refresh }) {
      if (waiting) return waiting.promise;
      if (!refresh) return state.token;
      waiting = Promise.withResolvers();
      // A refusal may come late, when there is another token already.
      void look();
      return waiting.promise;
    },
    async offer(text) {
      const token = text.trim().replace(/^Bearer\s+/i, '');
      if (!(await accepted(token))) return change({ refused: true });
      keepToken(token);
      settle(token);
    },
    look,
    signOut() {
      forgetToken();
      location.reload();
    },
  };
}

/** Only a plain no is one: a service that cannot be reached says nothing about a token. */
async function accepted(token: string | null): Promise<boolean> {
  const client = createClient({
    baseUrl: location.origin,
    credentials: 'same-origin',
    retry: { attempts: 0 },
    ...(token === null ? {} : { token }),
  });
  try {
    await client.quota();
    return true;
  } catch (error) {
    return !isSluiceApiError(error) || error.code !== 'UNAUTHENTICATED';
  }
}
