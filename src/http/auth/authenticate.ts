import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { accepted, type Outcome, refused } from '../../core/errors.ts';
import { MAX_JSON_BYTES } from '../json-body.ts';
import { sendRefusal } from '../problem.ts';
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
export function requirePermission(caller: Caller, permission: Permission): Outcome<Caller> {
  if (caller.permissions.has(permission)) return accepted(caller);
  return refused(
    'PERMISSION_DENIED',
    `This needs the permission "${permission}": ask an administrator for a token that grants it.`,
    { details: { required: permission } },
  );
}

const callers = new WeakMap<FastifyRequest, Caller>();

/**
 * A hook that lets only callers pass who are known, and have the permission where one is named. It runs
 * before the body is read: strangers cannot make the service parse anything.
 */
export function callerGuard(authenticate: Authenticate, permission?: Permission): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const known = await authenticate(request);
    const outcome = known.ok && permission ? requirePermission(known.value, permission) : known;
    if (!outcome.ok) {
      if (sendsMuch(request)) reply.header('connection', 'close');
      return sendRefusal(reply, outcome.refusal);
    }
    callers.set(request, outcome.value);
  };
}

/** Node reads and drops the body of an answered request to its end, unless the connection is closed. */
function sendsMuch(request: FastifyRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || Number(length ?? 0) > MAX_JSON_BYTES;
}

/** The caller whom `callerGuard` let pass. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new TypeError('callerOf() needs callerGuard() on the route');
  return caller;
}
