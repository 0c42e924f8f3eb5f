/** How the user signed in. `cookie`: the dashboard's own session, if there is one. */
export type SignIn = { readonly kind: 'token'; readonly token: string } | { readonly kind: 'cookie' };

const KEY = 'sluice.token';

/**
 * The token of `/#token=…` where there is one, else that of this tab's session. It leaves the address bar at
 * once: it is to be in no history, no bookmark and no screenshot.
 */
export function readSignIn(): SignIn {
  const inAddress = new URLSearchParams(location.hash.slice(1)).get('token');
  if (inAddress) {
    history.replaceState(null, '', location.pathname + location.search);
    return keepToken(inAddress);
  }
  const kept = sessionStorage.getItem(KEY);
  return kept ? { kind: 'token', token: kept } : { kind: 'cookie' };
}

export function keepToken(text: string): SignIn {
  const token = text.trim().replace(/^Bearer\s+/i, '');
  sessionStorage.setItem(KEY, token);
  return { kind: 'token', token };
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
