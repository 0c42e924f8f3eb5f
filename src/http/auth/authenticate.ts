import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { accepted, type Outcome, refused } from '../../core/errors.ts';
import { MAX_JSON_BYTES } from '../json-body.ts';
import { sendRefusal } from '../problem.ts';
import type { LimitCaller } from '../rate-limits/rate-limiter.ts';
import type { Authenticate, AuthScheme, Caller, Permission } from './caller.ts';

export function createAuthenticate(schemes: readonly AuthScheme[]): Authenticate {
  return async (request) => {
    for (const scheme of schemes) {
      const outcome = await scheme(request);
      if (outcome !== null) return outcome;
    }
    return refused(
      'UNAUTHENTICATED',
      'This needs a signed-in user: send an access token as "Authorization: Bearer …".',
      { details: { reason: 'missing_credentials' } },
    );
  };
}

/** The caller, if he has the permission. */
function requirePermission(caller: Caller, permission: Permission): Outcome<Caller> {
  if (caller.permissions.has(permission)) return accepted(caller);
  return refused(
    'PERMISSION_DENIED',
    `This needs the permission "${permission}": ask an administrator for a token that grants it.`,
    { details: { required: permission } },
  );
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent the request, as far as that has been found out. */
    caller: Caller | null;
  }
}

/** Who may pass, beside being known. */
interface CallerRules {
  readonly permission?: Permission;
  /** How often he may come. */
  readonly limit?: LimitCaller;
}

/** The caller of the request, if he may pass. */
export async function admitCaller(
  authenticate: Authenticate,
  rules: CallerRules,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<Outcome<Caller>> {
  const known = await authenticate(request);
  if (known.ok) request.caller = known.value;
  const caller = known.ok && rules.permission ? requirePermission(known.value, rules.permission) : known;
  if (!caller.ok) return caller;
  const refusal = await rules.limit?.(request, reply, caller.value);
  return refusal ? { ok: false, refusal } : caller;
}

/**
 * A hook that lets only such callers pass. It runs before the body is read: strangers cannot make the service
 * parse anything.
 */
export function callerGuard(authenticate: Authenticate, rules: CallerRules = {}): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const outcome = await admitCaller(authenticate, rules, { request, reply });
    if (outcome.ok) return;
    if (sendsMuch(request)) reply.header('connection', 'close');
    return sendRefusal(reply, outcome.refusal);
  };
}

/** Node reads and drops the body of an answered request to its end, unless the connection is closed. */
function sendsMuch(request: FastifyRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || Number(length ?? 0) > MAX_JSON_BYTES;
}

/** The caller whom `callerGuard` let pass. */
export function callerOf(request: FastifyRequest): Caller {
  const { caller } = request;
  if (caller === null) throw new TypeError('callerOf() needs callerGuard() on the route');
  return caller;
}
