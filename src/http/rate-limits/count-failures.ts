import type { FastifyRequest } from 'fastify';
import type { Outcome, Refusal } from '../../core/errors.ts';
import { type Eventual, whenKnown } from '../eventual.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** A step that looks at credentials. */
type Check<Args extends unknown[], T> = (request: FastifyRequest, ...args: Args) => Eventual<Outcome<T>>;

/** The same step, counting bad credentials: after too many its refusal is 429. */
export function countFailures<Args extends unknown[], T>(
  check: Check<Args, T>,
  limiter: RateLimiter,
  isBadCredential: (refusal: Refusal) => boolean,
): Check<Args, T> {
  return (request, ...args) =>
    whenKnown(check(request, ...args), (outcome) => {
      if (outcome.ok || !isBadCredential(outcome.refusal)) return outcome;
      return limiter.failed(request).then((refusal) => (refusal ? { ok: false, refusal } : outcome));
    });
}

/** Credentials were sent, and they are not good. Who sends none does not guess. */
export function isFailedAuthentication({ code, details }: Refusal): boolean {
  return code === 'UNAUTHENTICATED' && details?.reason !== 'missing_credentials';
}

/** An upload token that is not this session's; or a caller who is not its owner. */
export function isForeignUpload({ code }: Refusal): boolean {
  return code === 'UNAUTHORIZED_ACCESS';
}
