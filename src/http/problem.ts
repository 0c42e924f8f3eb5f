import type { FastifyReply } from 'fastify';
import type { ErrorCode, Refusal } from '../core/errors.ts';
import { http } from '../core/node-http.ts';
import { headersOfRateRefusal } from './rate-limits/rate-limit-headers.ts';

/** The only map from error codes to HTTP statuses. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_REQUEST: 400,
  UNAUTHENTICATED: 401,
  UNAUTHORIZED_ACCESS: 403,
  PERMISSION_DENIED: 403,
  CROSS_SITE_REQUEST: 403,
  SESSION_NOT_FOUND: 404,
  NOT_FOUND: 404,
  OFFSET_MISMATCH: 409,
  UPLOAD_COMPLETED: 409,
  CONFLICT: 409,
  SESSION_EXPIRED: 410,
  FILE_TOO_LARGE: 413,
  UNSUPPORTED_FORMAT: 415,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IDEMPOTENCY_KEY_REUSED: 422,
  DIGEST_MISMATCH: 422,
  INFECTED: 422,
  UPLOAD_LOCKED: 423,
  QUOTA_EXCEEDED: 429,
  SESSION_LIMIT_EXCEEDED: 429,
  RATE_LIMITED: 429,
  CHECKSUM_MISMATCH: 460,
  SESSION_CREATION_FAILED: 500,
  INTERNAL_ERROR: 500,
  REDIS_CONNECTION_ERROR: 503,
  LEDGER_UNAVAILABLE: 503,
  STORAGE_UNAVAILABLE: 503,
  STORAGE_FULL: 507,
};

/** Seconds told in `Retry-After` where a dependency is away and nobody knows better. */
const RETRY_WHEN_UNAVAILABLE = 1;

/** An answer of RFC 9457 with the members that the dashboard reads. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly error_code: ErrorCode;
  readonly error_message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
  readonly [extension: string]: unknown;
}

export interface ProblemOptions {
  /** Status in place of the table's, where a protocol defines its own (tus 412, HTTP 405 and 408). */
  readonly status?: number;
  /** Problem type in place of Sluice's own, where a protocol registers one. */
  readonly type?: string;
  /** Further members that a registered problem type asks for. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/**
 * The body of a problem answer.
 * @param at `instance` is the request's path without its query, which may hold an upload token; `now` is
 *   milliseconds since the epoch.
 */
export function problemBody(
  refusal: Refusal,
  at: { readonly instance: string; readonly now: number },
  options: ProblemOptions = {},
): ProblemBody {
  const status = options.status ?? STATUS[refusal.code];
  return {
    type: options.type ?? `urn:sluice:problem:${refusal.code.toLowerCase().replaceAll('_', '-')}`,
    title: titleOf(refusal.code, status),
    status,
    detail: refusal.message,
    instance: at.instance,
    error_code: refusal.code,
    error_message: refusal.message,
    details: refusal.details ?? {},
    timestamp: new Date(at.now).toISOString(),
    ...options.extensions,
  };
}

/** Headers that go with a refusal, beside its body. */
export function problemHeaders(refusal: Refusal, status = STATUS[refusal.code]): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  };
  const retryAfter = refusal.retryAfterSeconds ?? (status === 503 ? RETRY_WHEN_UNAVAILABLE : undefined);
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)));
  if (refusal.code === 'UNAUTHENTICATED' || refusal.code === 'PERMISSION_DENIED') {
    headers['www-authenticate'] = challenge(refusal);
  }
  return refusal.code === 'RATE_LIMITED' ? { ...headers, ...headersOfRateRefusal(refusal) } : headers;
}

const refusals = new WeakMap<FastifyReply, Refusal>();

/** The refusal that was answered with, for logs. */
export function refusalOf(reply: FastifyReply): Refusal | undefined {
  return refusals.get(reply);
}

/** Answer with the refusal. */
export function sendRefusal(
  reply: FastifyReply,
  refusal: Refusal,
  options: ProblemOptions = {},
): FastifyReply {
  refusals.set(reply, refusal);
  const body = problemBody(refusal, { instance: pathOf(reply.request.url), now: Date.now() }, options);
  return reply.code(body.status).headers(problemHeaders(refusal, body.status)).send(JSON.stringify(body));
}

/** The path of a request target: never its query, where tokens stand. To the router `#` begins one as well. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

/** RFC 6750, section 3: no error attribute where no credentials were sent. */
function challenge(refusal: Refusal): string {
  if (refusal.code === 'PERMISSION_DENIED') {
    const required = refusal.details?.required;
    const scope = typeof required === 'string' ? `, scope="${required}"` : '';
    return `Bearer realm="sluice", error="insufficient_scope"${scope}`;
  }
  const reason = refusal.details?.reason;
  return reason === 'invalid_token' || reason === 'invalid_request'
    ? `Bearer realm="sluice", error="${reason}"`
    : 'Bearer realm="sluice"';
}

function titleOf(code: ErrorCode, status: number): string {
  if (code === 'INVALID_REQUEST' || code === 'INTERNAL_ERROR') return http.STATUS_CODES[status] ?? 'Error';
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
