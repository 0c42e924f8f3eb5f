import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Cluster, Redis } from 'ioredis';
import { createRedisRelay } from '../../src/events/live/redis-relay.ts';
import { keysWithPrefix } from '../../src/stores/redis/keys.ts';
import { createSubscriptions } from '../../src/stores/redis/subscriptions.ts';
import { eventually } from './redis.ts';

export type RunningRelay = Awaited<ReturnType<typeof startRelay>>;

/** A relay as the service makes it; `lost` are faults it was told of, `faults` those of the connection that listens. */
export async function startRelay(
  t: TestContext,
  redis: Redis | Cluster,
  more: { readonly markEveryMs?: number } = {},
) {
  const faults: Error[] = [];
  const subscriptions = createSubscriptions(redis, (fault) => faults.push(fault));
  t.after(() => {
    subscriptions.close();
    redis.disconnect();
  });
  await eventually(60_000, () => subscriptions.subscribe('ready?'));
  subscriptions.unsubscribe('ready?');
  const lost: unknown[] = [];
  // Two users of three share a slot with others.
  const keys = keysWithPrefix(randomUUID());
  const keysOf = (userId: string) => {
    const shard = String(Number(userId) % 100);
    return { listened: keys.listened(shard, userId), stream: keys.live(shard, userId) };
  };
  const relay = createRedisRelay({
    commands: redis,
    subscriptions,
    keysOf,
    onLost: (why) => lost.push(why),
    ...more,
  });
  return { relay, lost, faults, keysOf };
}
