import type { Cluster, Redis } from 'ioredis';
import type { RunningCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { until } from '../e2e/until.ts';

/** A client made the way the service makes it, ready for use. */
export async function connectedCluster({ masters }: RunningCluster): Promise<Cluster> {
  const nodes = masters.map(({ port }) => ({ host: '127.0.0.1', port }));
  const cluster = connectRedis({ nodes });
  if (!(await untilReady(cluster, 60_000))) throw new Error('The Redis Cluster did not become ready.');
  return cluster;
}

/**
 * As `redis-cli --cluster reshard` does it, a few keys at a time: commands meet a slot that is half moved. `masters`: clients
 * of all of them; `from` and `to`: positions among them.
 *
 * All masters are told, and each move begins when they agree about the last one. A master that has not heard of the last
 * move yet takes the same configuration epoch for the next one, and then one of the two moves may be undone.
 */
export async function moveSlot(
  masters: readonly Redis[],
  slot: number,
  from: number,
  to: number,
): Promise<void> {
  await until('the masters agree who has which slots', () => agree(masters));
  const [source, target] = [masters[from], masters[to]];
  if (!source || !target) throw new Error('There is no such node.');
  const [sourceId, targetId] = [String(await source.cluster('MYID')), String(await target.cluster('MYID'))];
  await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId);
  await source.cluster('SETSLOT', slot, 'MIGRATING', targetId);
  for (;;) {
    const keys = await source.cluster('GETKEYSINSLOT', slot, 20);
    if (keys.length === 0) break;
    await source.migrate('127.0.0.1', target.options.port ?? 0, '', 0, 5000, 'KEYS', ...keys);
  }
  const others = masters.filter((node) => node !== source && node !== target);
  for (const node of [target, source, ...others]) await node.cluster('SETSLOT', slot, 'NODE', targetId);
}

async function agree(masters: readonly Redis[]): Promise<boolean> {
  const views = await Promise.all(masters.map(async (node) => viewOf(String(await node.cluster('NODES')))));
  return new Set(views).size === 1;
}

/** Who has which slots since which epoch, without what is told of connections and of slots on the move. */
function viewOf(nodes: string): string {
  return nodes
    .trim()
    .split('\n')
    .map((line) => {
      const [id, , flags, , , , epoch, , ...slots] = line.split(' ');
      const role = flags?.split(',').find((flag) => flag === 'master' || flag === 'slave');
      return [id, role, epoch, ...slots.filter((range) => !range.startsWith('['))].join(' ');
    })
    .sort()
    .join('\n');
}
