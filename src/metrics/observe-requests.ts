import type { Refusal } from '../core/errors.ts';
import type { CredentialScheme, ObservedRequest, RequestObserver } from '../http/observe-requests.ts';
import type { Instruments } from './instruments.ts';

/** Others come from whoever plays with methods where no route is. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What requests were answered with: how long they took, what became of wishes for a session, who was turned away. */
export function createRequestMetrics(instruments: Instruments): RequestObserver {
  const durations = instruments.histogram('http_server_request_duration_seconds');
  const initiated = instruments.counter('upload_initiate_total');
  const authFailures = instruments.counter('auth_failures_total');
  const offsetConflicts = instruments.counter('upload_offset_conflict_total')();

  return {
    requestEnded(request) {
      const { method, route, status, refusal, creation } = request;
      const known = METHODS.has(method) ? method : 'other';
      durations(known, route, status === null ? 'aborted' : String(status)).observe(request.seconds);
      if (creation !== null) initiated(outcomeOf(creation, refusal)).add(1);
      if (!refusal) return;
      if (refusal.code === 'OFFSET_MISMATCH') offsetConflicts.add(1);
      const failure = authFailureOf(refusal, request.scheme);
      if (failure) authFailures(failure.scheme, failure.reason).add(1);
    },
  };
}

function outcomeOf(creation: NonNullable<ObservedRequest['creation']>, refusal: Refusal | undefined): string {
  switch (creation) {
    case 'created':
      return 'accepted';
    case 'replayed':
      return 'replayed';
    case 'refused':
      return (refusal?.code ?? 'INTERNAL_ERROR').toLowerCase();
    case 'lost':
      return 'aborted';
  }
}

interface AuthFailure {
  readonly scheme: CredentialScheme;
  readonly reason: string;
}

/** By which credentials the request was refused, and why; null where it was for something else. */
function authFailureOf({ code, details }: Refusal, scheme: CredentialScheme): AuthFailure | null {
  switch (code) {
    case 'UNAUTHENTICATED': {
      const reason = typeof details?.reason === 'string' ? details.reason : 'missing_credentials';
      // Who sends an upload token where a user has to sign in has sent none of the credentials asked for.
      return { scheme: reason === 'missing_credentials' ? 'none' : schemeFor(reason, scheme), reason };
    }
    case 'CROSS_SITE_REQUEST':
      return { scheme: 'cookie', reason: 'cross_site' };
    case 'PERMISSION_DENIED':
      return { scheme, reason: 'missing_permission' };
    case 'UNAUTHORIZED_ACCESS':
      return { scheme, reason: scheme === 'upload_token' ? 'invalid_token' : 'foreign_session' };
    default:
      return null;
  }
}

function schemeFor(reason: string, scheme: CredentialScheme): CredentialScheme {
  if (reason === 'invalid_token' || reason === 'invalid_request') return 'bearer';
  return scheme === 'none' ? 'none' : 'cookie';
}
