import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Refusal } from '../core/errors.ts';
import type { Audit } from '../log/audit.ts';
import { pathOf, refusalOf } from './problem.ts';
import { isFailedAuthentication } from './rate-limits/count-failures.ts';
import { networkOf } from './rate-limits/network.ts';

/** Answers that say "you may not"; the others say that the request was wrong, or that it cannot be done now. */
const REFUSING_STATUSES: ReadonlySet<number> = new Set([403, 413, 415, 422, 429, 507]);

/**
 * Who is told to come less often, or is refused and not known, is written down once in so many milliseconds: a flood
 * fills no disk. Of strangers each kind of refusal at each route, so that none hides another.
 */
const FLOOD_LINE_MS = 10_000;
const MAX_PATH = 200;

/** A line for each request that was refused, and why. */
export function auditAnswers(app: FastifyInstance, audit: Audit): void {
  const told = new LRUCache<string, true>({ max: 10_000, ttl: FLOOD_LINE_MS });

  app.addHook('onResponse', (request, reply, done) => {
    const refusal = refusalOf(reply);
    if (refusal !== undefined && isWorthALine(request, refusal, reply.statusCode)) {
      const { caller } = request;
      audit.record(
        isFailedAuthentication(refusal) ? 'authentication.failed' : 'request.refused',
        {
          method: request.method,
          path: pathOf(request.url).slice(0, MAX_PATH),
          address: request.ip,
          status: reply.statusCode,
          error_code: refusal.code,
          ...(caller && { subject: audit.subject(caller.userId) }),
          ...reasonOf(refusal),
        },
        request.log,
      );
    }
    done();
  });

  function isWorthALine(request: FastifyRequest, refusal: Refusal, status: number): boolean {
    if (isFailedAuthentication(refusal)) return true;
    if (!REFUSING_STATUSES.has(status)) return false;
    const { caller } = request;
    if (caller && refusal.code !== 'RATE_LIMITED') return true;
    const kind = refusal.details?.policy ?? `${refusal.code} ${request.routeOptions.url}`;
    const key = `${kind} ${caller?.userId ?? networkOf(request.ip)}`;
    if (told.has(key)) return false;
    told.set(key, true);
    return true;
  }
}

function reasonOf({ details }: Refusal): { readonly reason?: unknown } {
  const reason = details?.reason ?? details?.required ?? details?.policy;
  return reason === undefined ? {} : { reason };
}
