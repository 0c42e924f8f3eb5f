import type { FastifyRequest } from 'fastify';
import type { Session } from '../core/session.ts';
import type { UploadTokens } from './auth/upload-token.ts';

/** Path of the upload resource, and of its creation for tus and IETF clients. */
export const UPLOADS_PATH = '/v1/uploads';

/** The URLs that one answer may tell. */
export interface Urls {
  /** Where the bytes of an active session go, with its token. */
  uploadUrl(session: Session): string;
  /** Where tus and IETF clients create uploads. */
  readonly tusEndpoint: string;
}

export interface UrlsDeps {
  /**
   * Address clients see, without a slash at its end, or null where it is unset. Asked for each answer: the
   * embedded profile knows its own only once it listens.
   */
  readonly publicUrl: () => string | null;
  /** Whether a proxy in front is trusted to tell scheme and host (X-Forwarded-Proto, X-Forwarded-Host). */
  readonly trustProxy: boolean;
  readonly uploadTokens: UploadTokens;
}

/**
 * Makes the URLs for the answer to a request: from `PUBLIC_URL`, else from what a trusted proxy says, else
 * relative, since a `Host` header alone is the client's word and knows nothing of TLS.
 */
export function createUrls(deps: UrlsDeps): (request: FastifyRequest) => Urls {
  const relative = urlsUnder('', deps.uploadTokens);
  return (request) => {
    const publicUrl = deps.publicUrl();
    if (publicUrl !== null) return urlsUnder(publicUrl, deps.uploadTokens);
    if (!deps.trustProxy || request.headers['x-forwarded-host'] === undefined) return relative;
    return urlsUnder(`${request.protocol}://${request.host}`, deps.uploadTokens);
  };
}

function urlsUnder(base: string, uploadTokens: UploadTokens): Urls {
  const tusEndpoint = base + UPLOADS_PATH;
  return {
    tusEndpoint,
    uploadUrl: (session) => `${tusEndpoint}/${session.sessionId}?token=${uploadTokens.issue(session)}`,
  };
}
