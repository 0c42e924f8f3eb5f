import { Cluster, type Redis } from 'ioredis';
import { type BreakerState, type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import { rethrow } from './context.ts';
import { slotOf } from './slot.ts';

/** The breakers of a Redis: one, or one for each node of a Cluster, since one node's outage is not the others'. */
export interface Circuits {
  /** That of the server which has the keys of this shard. */
  of(shard: string): CircuitBreaker;
  /** Throws where a server does not answer. */
  check(): Promise<void>;
  /** Of several servers, that of the worst. */
  state(): BreakerState;
}

export function createCircuits(redis: Redis | Cluster): Circuits {
  return redis instanceof Cluster ? circuitsOfCluster(redis) : circuitOfServer(redis);
}

function circuitOfServer(redis: Redis): Circuits {
  const breaker = createCircuitBreaker();
  return {
    of: () => breaker,
    check: () => breaker.probe(() => ping(redis)),
    state: () => breaker.state(),
  };
}

function circuitsOfCluster(cluster: Cluster): Circuits {
  const breakers = new Map<string, CircuitBreaker>();

  /** `name`: host and port of a master, as the Cluster tells them; empty while nobody knows. */
  function breakerOf(name: string): CircuitBreaker {
    const known = breakers.get(name);
    if (known) return known;
    const breaker = createCircuitBreaker();
    breakers.set(name, breaker);
    return breaker;
  }

  return {
    state() {
      const states = [...breakers.values()].map((breaker) => breaker.state());
      return (['open', 'half_open'] as const).find((state) => states.includes(state)) ?? 'closed';
    },
    of: (shard) => breakerOf(cluster.slots[slotOf(shard)]?.[0] ?? ''),
    async check() {
      const masters = new Set(cluster.slots.map(([master]) => master ?? ''));
      // Slots of which nobody knows who has them: some command will find out.
      if (masters.size === 0 || cluster.status !== 'ready') return breakerOf('').probe(() => ping(cluster));
      const nodes = cluster.nodes('master');
      await Promise.all(
        [...masters].map((name) => {
          const node = nodes.find(({ options }) => `${options.host}:${options.port}` === name);
          return breakerOf(name).probe(() => ping(node ?? cluster));
        }),
      );
    },
  };
}

async function ping(redis: Redis | Cluster): Promise<void> {
  await redis.ping().catch(rethrow);
}
