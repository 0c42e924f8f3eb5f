import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { type RunningRedis, startRedis } from './redis.ts';

const SLOTS = 16_384;
const FORMATION_DEADLINE_MS = 120_000;

interface ClusterOptions {
  readonly masters?: number;
  /** Each master has one. */
  readonly replicas?: boolean;
  /** A node that is silent for so long, in milliseconds, has failed. */
  readonly nodeTimeoutMs?: number;
}

interface ClusterNode extends RunningRedis {
  readonly busPort: number;
}

export interface RunningCluster {
  /** Those that began as masters, each with an equal share of the slots, in their order. */
  readonly masters: readonly RunningRedis[];
  /** The first is that of the first master, and so on. */
  readonly replicas: readonly RunningRedis[];
  /** As `REDIS_CLUSTER_NODES` takes them. */
  readonly addresses: string;
  stop(): Promise<void>;
}

/** A Redis Cluster of processes on loopback ports, ready for commands. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RunningCluster> {
  const { masters: count = 3, replicas = false, nodeTimeoutMs = 2000 } = options;
  const nodes: ClusterNode[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    while (nodes.length < count * (replicas ? 2 : 1)) nodes.push(await startNode(nodeTimeoutMs));
    await form(nodes, count);
  } catch (error) {
    await stop();
    throw error;
  }
  const masters = nodes.slice(0, count);
  return {
    masters,
    replicas: nodes.slice(count),
    addresses: masters.map(({ port }) => `127.0.0.1:${port}`).join(','),
    stop,
  };
}

async function startNode(nodeTimeoutMs: number): Promise<ClusterNode> {
  const busPort = await freePort();
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-port': String(busPort),
    'cluster-node-timeout': String(nodeTimeoutMs),
    // By default all nodes refuse all keys while one of them is down.
    'cluster-require-full-coverage': 'no',
    // A replica of an idle master would else be taken for too old to follow it.
    'cluster-replica-validity-factor': '0',
  };
  const flat = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return { ...(await startRedis({ settings: flat })), busPort };
}

/** What `redis-cli --cluster create` does, without its questions and its choice of replicas. */
async function form(nodes: readonly ClusterNode[], masters: number): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis({ host: '127.0.0.1', port }));
  try {
    for (const [n, client] of clients.entries()) {
      await client.cluster('SET-CONFIG-EPOCH', n + 1);
      if (n >= masters) continue;
      const from = Math.floor((SLOTS * n) / masters);
      const to = Math.floor((SLOTS * (n + 1)) / masters) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
    }
    const [first] = clients;
    for (const { port, busPort } of nodes.slice(1)) {
      await first?.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }
    await until(
      clients,
      async (client) => info(await client.cluster('INFO'), 'known_nodes') === nodes.length,
    );
    for (const [n, client] of clients.slice(masters).entries()) {
      const master = await clients[n]?.cluster('MYID');
      await client.cluster('REPLICATE', String(master));
    }
    await until(clients.slice(masters), async (client) => /master_link_status:up/.test(await client.info()));
    await until(clients, async (client) => /cluster_state:ok/.test(await client.cluster('INFO')));
  } finally {
    for (const client of clients) client.disconnect();
  }
}

function info(text: string, name: string): number {
  return Number(new RegExp(`cluster_${name}:(\\d+)`).exec(text)?.[1]);
}

/** The nodes tell one another by gossip: nobody says when they all know. */
async function until(clients: readonly Redis[], isTrue: (client: Redis) => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + FORMATION_DEADLINE_MS;
  while (!(await Promise.all(clients.map(isTrue))).every(Boolean)) {
    if (performance.now() > giveUpAt) throw new Error('The Redis Cluster did not form in time.');
    await pause(50);
  }
}
