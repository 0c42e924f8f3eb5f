import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type RedisOptions, startRedis as startServer } from '../../scripts/lib/servers/redis.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';

/** Port of the Redis that `npm test` started and all test files share. */
export function sharedRedisPort(): number {
  const port = Number(process.env.SLUICE_TEST_REDIS_PORT);
  if (!port) throw new Error('SLUICE_TEST_REDIS_PORT is not set: run the tests with "npm test".');
  return port;
}

/** A client made the way the service makes it, ready for use. */
export async function connectedRedis(port: number): Promise<Redis> {
  const redis = connectRedis({ host: '127.0.0.1', port });
  if (!(await untilReady(redis, 60_000))) throw new Error(`Redis on port ${port} did not become ready.`);
  return redis;
}

/** A Redis of one's own, to be maltreated. */
export interface OwnRedis {
  readonly port: number;
  /** End it as `kill -9` does; everything in it is lost. */
  kill(): Promise<void>;
  /** Start it again, empty, on the same port. */
  start(): Promise<void>;
  /** Hang it: connections stay open and are even accepted, but nothing is answered. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function startRedis(options: RedisOptions = {}): Promise<OwnRedis> {
  let server = await startServer(options);
  const { port } = server;
  return {
    port,
    kill: () => server.stop(),
    async start() {
      server = await startServer({ ...options, port });
    },
    freeze: () => void process.kill(server.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.pid, 'SIGCONT'),
    stop: () => server.stop(),
  };
}

/** Try until it succeeds, at most `ms` long; the last fault is thrown. */
export async function eventually<T>(ms: number, attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    try {
      return await attempt();
    } catch (fault) {
      if (performance.now() >= end) throw fault;
      await pause(20);
    }
  }
}
