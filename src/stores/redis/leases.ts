import type { Leases } from '../../core/ports.ts';
import { withDeadline } from './call.ts';
import type { RedisClient } from './connect.ts';
import { loadScripts, type ObserveCommand } from './scripts.ts';

const DEADLINE_MS = 1500;

export interface RedisLeasesDeps {
  readonly redis: RedisClient;
  /** What all names of keys begin with: that of the session store. */
  readonly prefix: string;
  /** Name of this process, unlike that of any other that ever ran. */
  readonly instance: string;
  readonly observe?: ObserveCommand | undefined;
}

/** Leases in Redis, by its clock. A failover can lose one that was just given: then two have it until it ends. */
export function createRedisLeases({ redis, prefix, instance, observe }: RedisLeasesDeps): Leases {
  const run = loadScripts(redis, observe);
  const ask = (name: string, ms: number) =>
    withDeadline(DEADLINE_MS, run('lease', [`${prefix}:lease:${name}`], [instance, String(ms)]));
  return {
    hold: async (name, ttlMs) => (await ask(name, ttlMs)) === '1',
    async release(name) {
      await ask(name, 0);
    },
  };
}
