import { Cluster, type Redis } from 'ioredis';
import { SluiceError } from '../../core/errors.ts';
import { asStoreFault } from './call.ts';
import { type BreakerState, type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import { rethrow } from './context.ts';
import { slotOf } from './slot.ts';

/** The breakers of a Redis: one, or one for each node of a Cluster, since one node's outage is not the others'. */
export interface Circuits {
  /** That of the server which has the keys of this shard. */
  of(shard: string): CircuitBreaker;
  /** Throws where a server does not answer, or takes no writes: it is full, a replica, or cannot save. */
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
    async check() {
      await breaker.probe(() => ping(redis));
      await takesWrites(redis);
    },
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
        [...masters].map(async (name) => {
          const node = nodes.find(({ options }) => `${options.host}:${options.port}` === name);
          await breakerOf(name).probe(() => ping(node ?? cluster));
          if (node) await takesWrites(node);
        }),
      );
    },
  };
}

async function ping(redis: Redis | Cluster): Promise<void> {
  await redis.ping().catch(rethrow);
}

/**
 * A script that does nothing, and does not promise so. Redis takes it for one that may write, and refuses it before it
 * runs where it would refuse a write: `OOM`, `READONLY`, `MISCONF`, `NOREPLICAS`
 * (redis.io/docs/latest/develop/programmability/eval-intro, "Script flags").
 */
const MAY_WRITE = '#!lua\nreturn 1';

/** It is no fault of the line, and the breaker does not count it: what only reads, or makes room, goes on. */
async function takesWrites(redis: Redis): Promise<void> {
  try {
    await redis.eval(MAY_WRITE, 0);
  } catch (error) {
    const fault = asStoreFault(error);
    // Redis before version 7 cannot read this one; there the ping has to do.
    if (fault instanceof SluiceError) throw fault;
  }
}
