import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Refusal, refused } from '../../core/errors.ts';
import type { RateLimits, RatePolicy, RateSubject, RateVerdict } from '../../core/ports.ts';
import type { Caller } from '../auth/caller.ts';
import type { Eventual } from '../eventual.ts';
import { networkOf } from './network.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';

/** Work that a user may ask for so often and no more. */
export type LimitedWork = 'initiate' | 'validate';

/** Permits per minute; 0 turns a limit off. */
export interface RatesPerMinute {
  readonly initiate: number;
  readonly validate: number;
  /** Both kinds of work together, by one address. */
  readonly address: number;
  /** Credentials that were not good, by one address. */
  readonly failedAuthentication: number;
}

/** The next step of a request whose caller is known: a refusal, or null where it may go on. */
export type LimitCaller = (
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
) => Eventual<Refusal | null>;

export interface RateLimiter {
  /** Takes the permits of the caller and of its address, and tells what is left in the answer's headers. */
  forWork(work: LimitedWork): LimitCaller;
  /**
   * Counts credentials that were not good. Only the failed request is refused: whoever has good ones gets in
   * from the same address all the time, or one stranger could lock out all who share a proxy with it.
   */
  failed(request: FastifyRequest): Promise<Refusal | null>;
}

const WINDOW_MS = 60_000;
/** After a fault the store is left alone for so long: the requests of an outage do not all wait for it. */
const PAUSE_MS = 1000;

/**
 * Where the store is away, everybody may go on: the limits keep one caller from taking the service from the
 * others, and an outage of theirs must not do exactly that. What needs Redis itself is 503 then anyway.
 */
export function createRateLimiter(deps: {
  /** Null where nothing is limited. */
  readonly limits: RateLimits | null;
  readonly rates: RatesPerMinute;
  readonly onFault: (fault: unknown) => void;
}): RateLimiter {
  const { limits, rates, onFault } = deps;
  let pausedUntil = 0;

  async function take(policy: RatePolicy, subject: RateSubject): Promise<RateVerdict | null> {
    if (limits === null || Date.now() < pausedUntil) return null;
    try {
      return await limits.take(policy, subject);
    } catch (fault) {
      pausedUntil = Date.now() + PAUSE_MS;
      onFault(fault);
      return null;
    }
  }

  const addressOf = (request: FastifyRequest) =>
    ({ kind: 'address', address: networkOf(request.ip) }) as const;

  return {
    forWork(work) {
      const ofUser = policyOf(work, rates[work]);
      const ofAddress = policyOf(`${work}-address`, rates.address);
      if (limits === null || (ofUser === null && ofAddress === null)) return () => null;
      return async (request, reply, { userId }) => {
        const states: RateState[] = [];
        let refusal: Refusal | null = null;
        for (const policy of [ofUser, ofAddress]) {
          if (policy === null) continue;
          const subject = policy === ofUser ? ({ kind: 'user', userId } as const) : addressOf(request);
          const verdict = await take(policy, subject);
          if (!verdict) continue;
          states.push({ policy, verdict });
          if (!verdict.allowed) refusal = tooMany(policy, verdict);
          if (refusal) break;
        }
        if (states.length > 0) reply.headers(rateLimitHeaders(states));
        return refusal;
      };
    },

    async failed(request) {
      const policy = policyOf('failed-authentication', rates.failedAuthentication);
      const verdict = policy && (await take(policy, addressOf(request)));
      return verdict && !verdict.allowed ? tooMany(policy, verdict) : null;
    },
  };
}

/** A policy and what it said. */
export interface RateState {
  readonly policy: RatePolicy;
  readonly verdict: RateVerdict;
}

function policyOf(name: string, permits: number): RatePolicy | null {
  return permits === 0 ? null : { name, permits, windowMs: WINDOW_MS };
}

function tooMany(policy: RatePolicy, verdict: RateVerdict): Refusal {
  const retryAfterSeconds = Math.max(1, Math.ceil(verdict.retryMs / 1000));
  return refused(
    'RATE_LIMITED',
    `Too many requests of this kind. Wait ${retryAfterSeconds} s before the next one, and send them more slowly.`,
    {
      details: {
        policy: policy.name,
        limit: policy.permits,
        window_seconds: policy.windowMs / 1000,
        reset_seconds: Math.ceil(verdict.resetMs / 1000),
      },
      retryAfterSeconds,
    },
  ).refusal;
}
