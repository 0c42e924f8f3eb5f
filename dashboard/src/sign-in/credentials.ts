const KEY = 'sluice.token';

/**
 * The token of `/#token=…` where there is one, else that of this tab's session, else null. It leaves the address
 * bar at once: it is to be in no history, no bookmark and no screenshot.
 */
export function readToken(): string | null {
  const inAddress = new URLSearchParams(location.hash.slice(1)).get('token');
  if (inAddress) {
    history.replaceState(null, '', location.pathname + location.search);
    keepToken(inAddress);
  }
  return inAddress ?? sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
