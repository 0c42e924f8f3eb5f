import type { Cluster } from 'ioredis';
import type { RunningCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';

/** A client made the way the service makes it, ready for use. */
export async function connectedCluster({ masters }: RunningCluster): Promise<Cluster> {
  const nodes = masters.map(({ port }) => ({ host: '127.0.0.1', port }));
  const cluster = connectRedis({ nodes });
  if (!(await untilReady(cluster, 60_000))) throw new Error('The Redis Cluster did not become ready.');
  return cluster;
}
