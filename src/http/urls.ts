import type { FastifyRequest } from 'fastify';
import type { Session } from '../core/session.ts';
import type { UploadTokens } from './auth/upload-token.ts';
import { forwardedOrigin, type TrustsProxy } from './proxies.ts';

/** Path of the upload resource, and of its creation for tus and IETF clients. */
export const UPLOADS_PATH = '/v1/uploads';

/** The URLs that one answer may tell. */
export interface Urls {
  /** Where the bytes of an active session go, with its token. */
  uploadUrl(session: Session): string;
  /** The same, for a page that asks for a session's state and may ask again. */
  uploadUrlAgain(session: Session): string;
  /** Where tus and IETF clients create uploads. */
  readonly tusEndpoint: string;
}

export interface UrlsDeps {
  /** Address clients see, without a slash at its end, or null where it is unset. */
  readonly publicUrl: string | null;
  /**
   * Address to use where neither is known, or null to make relative URLs. Asked for each answer: a service
   * knows its own only once it listens.
   */
  readonly ownAddress: () => string | null;
  readonly trustsProxy: TrustsProxy;
  readonly uploadTokens: UploadTokens;
}

/**
 * Makes the URLs for the answer to a request: from `PUBLIC_URL`, else from what a trusted proxy says, else from
 * the own address, else relative, since a `Host` header alone is the client's word and knows nothing of TLS.
 */
export function createUrls(deps: UrlsDeps): (request: FastifyRequest) => Urls {
  const { publicUrl, trustsProxy, ownAddress, uploadTokens } = deps;
  const fixed = publicUrl === null ? null : urlsUnder(publicUrl, uploadTokens);
  return (request) => {
    if (fixed !== null) return fixed;
    return urlsUnder(forwardedOrigin(request, trustsProxy) ?? ownAddress() ?? '', uploadTokens);
  };
}

function urlsUnder(base: string, uploadTokens: UploadTokens): Urls {
  const tusEndpoint = base + UPLOADS_PATH;
  return {
    tusEndpoint,
    uploadUrl: (session) => `${tusEndpoint}/${session.sessionId}?token=${uploadTokens.issue(session)}`,
    uploadUrlAgain: (session) => `${tusEndpoint}/${session.sessionId}?token=${uploadTokens.reissue(session)}`,
  };
}
