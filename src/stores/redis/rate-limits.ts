import { createHash } from 'node:crypto';
import type { RateLimits, RateSubject } from '../../core/ports.ts';
import { withDeadline } from './call.ts';
import type { RedisClient } from './connect.ts';
import { asList, asNumber, asText } from './replies.ts';
import { loadScripts, type ObserveCommand } from './scripts.ts';

/** A request waits no longer for its permit: what comes after has deadlines of its own (invariant E). */
const DEADLINE_MS = 250;

/**
 * Permits in Redis: one script and one key each, which Redis forgets when all permits are back. A user's keys
 * carry the tag of his shard; addresses are spread over the same tags, so no slot of a Cluster gets them all.
 */
export function createRedisRateLimits(deps: {
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly shardOf: (userId: string) => string;
  readonly observe?: ObserveCommand | undefined;
  /** How long a permit is waited for, in milliseconds. */
  readonly deadlineMs?: number;
}): RateLimits {
  const { prefix, shardOf, deadlineMs = DEADLINE_MS } = deps;
  const run = loadScripts(deps.redis, deps.observe);

  function keyOf(policy: string, subject: RateSubject): string {
    if (subject.kind === 'user')
      return `${prefix}:{${shardOf(subject.userId)}}:l:${policy}:${subject.userId}`;
    const digest = createHash('sha256').update(subject.address).digest('hex').slice(0, 32);
    return `${prefix}:{${digest.slice(0, 3)}}:l:${policy}:${digest}`;
  }

  return {
    async take({ name, permits, windowMs }, subject) {
      const taken = run('take-permit', [keyOf(name, subject)], [String(permits), String(windowMs)]);
      const [given, remaining, resetMs, retryMs] = asList(await withDeadline(deadlineMs, taken));
      return {
        allowed: asText(given) === '1',
        remaining: asNumber(remaining),
        resetMs: asNumber(resetMs),
        retryMs: asNumber(retryMs),
      };
    },
  };
}
