import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { accepted, type Outcome, refused } from '../../core/errors.ts';
import { type Eventual, whenKnown } from '../eventual.ts';
import { MAX_JSON_BYTES } from '../json-body.ts';
import { sendRefusal } from '../problem.ts';
import type { LimitCaller } from '../rate-limits/rate-limiter.ts';
import type { Authenticate, AuthScheme, Caller, Permission } from './caller.ts';

export function createAuthenticate(schemes: readonly AuthScheme[]): Authenticate {
  function ask(request: FastifyRequest, place: number): Eventual<Outcome<Caller>> {
    const scheme = schemes[place];
    if (scheme === undefined) return refuseStranger();
    return whenKnown(scheme(request), (outcome) => outcome ?? ask(request, place + 1));
  }
  return (request) => ask(request, 0);
}

function refuseStranger(): Outcome<never> {
  return refused(
    'UNAUTHENTICATED',
    'This needs a signed-in user: send an access token as "Authorization: Bearer …".',
    { details: { reason: 'missing_credentials' } },
  );
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
export function admitCaller(
  authenticate: Authenticate,
  rules: CallerRules,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Eventual<Outcome<Caller>> {
  return whenKnown(authenticate(request), (known) => {
    if (known.ok) request.caller = known.value;
    const caller = known.ok && rules.permission ? requirePermission(known.value, rules.permission) : known;
    if (!caller.ok || !rules.limit) return caller;
    const limited = rules.limit(request, reply, caller.value);
    return whenKnown(limited, (refusal) => (refusal ? { ok: false, refusal } : caller));
  });
}

/**
 * A hook that lets only such callers pass. It runs before the body is read: strangers cannot make the service
 * parse anything.
 */
export function callerGuard(authenticate: Authenticate, rules: CallerRules = {}): onRequestHookHandler {
  return (request, reply, done) => {
    const outcome = admitCaller(authenticate, rules, { request, reply });
    if (outcome instanceof Promise) outcome.then(settle, done);
    else settle(outcome);

    function settle(admitted: Outcome<Caller>): void {
      if (admitted.ok) {
        done();
        return;
      }
      if (sendsMuch(request)) reply.header('connection', 'close');
      sendRefusal(reply, admitted.refusal);
    }
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
