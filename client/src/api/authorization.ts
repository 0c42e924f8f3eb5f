/** How the caller proves who is signed in. Give one of the three. */
export interface Credentials {
  /** An access token that outlives what is done with it. */
  readonly token?: string | undefined;
  /**
   * Called before every request to the API; `refresh` is true where the last token was refused. It may take all the
   * time that a user needs to sign in again: what asked for it waits. Null sends no token, so that a cookie speaks
   * alone. Uploads themselves need no token: they go on when it has expired.
   */
  readonly getToken?: (request: { readonly refresh: boolean }) => string | null | Promise<string | null>;
  /** The dashboard's session cookie: `same-origin`, or `include` where the service is on another origin. */
  readonly credentials?: 'same-origin' | 'include';
}

export type Authorize = (
  withoutCredentials: boolean,
  refresh: boolean,
) => Promise<{
  readonly authorization: string | null;
  readonly credentials: 'omit' | 'same-origin' | 'include';
}>;

export function createAuthorization(options: Credentials): Authorize {
  return async (withoutCredentials, refresh) => {
    if (withoutCredentials) return { authorization: null, credentials: 'omit' };
    const token = options.getToken ? await options.getToken({ refresh }) : options.token;
    return {
      authorization: token == null ? null : `Bearer ${token}`,
      credentials: options.credentials ?? 'omit',
    };
  };
}
