import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { launchRedis, type RunningRedis, startRedis } from './redis.ts';

const MASTER_NAME = 'mymaster';
const FORMATION_DEADLINE_MS = 120_000;

interface SentinelOptions {
  readonly sentinels?: number;
  /** A master that is silent for so long, in milliseconds, is replaced by its replica. */
  readonly downAfterMs?: number;
  /** Further arguments of the two Redis servers. */
  readonly settings?: readonly string[];
}

export interface RunningSentinels {
  readonly master: RunningRedis;
  readonly replica: RunningRedis;
  readonly sentinels: readonly RunningRedis[];
  readonly masterName: string;
  /** As `REDIS_SENTINELS` takes them. */
  readonly addresses: string;
  stop(): Promise<void>;
}

/** A Redis master with a replica and Sentinels that watch them, on loopback ports, ready for a failover. */
export async function startRedisWithSentinels(options: SentinelOptions = {}): Promise<RunningSentinels> {
  const { sentinels: count = 3, downAfterMs = 1000, settings = [] } = options;
  const running: RunningRedis[] = [];
  const started = async (server: Promise<RunningRedis>) => {
    running.push(await server);
    return server;
  };
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()));
  };
  try {
    const master = await started(startRedis({ settings }));
    const following = ['--replicaof', `127.0.0.1 ${master.port}`, '--repl-diskless-sync-delay', '0'];
    const replica = await started(startRedis({ settings: [...settings, ...following] }));
    await until(replica, async (redis) => /master_link_status:up/.test(await redis.info('replication')));
    const sentinels: RunningRedis[] = [];
    while (sentinels.length < count) {
      const quorum = Math.floor(count / 2) + 1;
      sentinels.push(await started(startSentinel(master.port, quorum, downAfterMs)));
    }
    for (const sentinel of sentinels) await until(sentinel, (redis) => knowsAll(redis, count));
    const addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return { master, replica, sentinels, masterName: MASTER_NAME, addresses, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startSentinel(masterPort: number, quorum: number, downAfterMs: number): Promise<RunningRedis> {
  const port = await freePort();
  // A Sentinel keeps what it learns in its own configuration.
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sentinel-'));
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${quorum}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${MASTER_NAME} 5000`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return launchRedis([file, '--sentinel'], {
    port,
    readyWhen: '+monitor master',
    release: () => rm(folder, { recursive: true, force: true }),
  });
}

/** Until it knows the replica and the others it would not agree to a failover. */
async function knowsAll(sentinel: Redis, count: number): Promise<boolean> {
  const flat = await sentinel.call('SENTINEL', 'MASTER', MASTER_NAME);
  const fields = new Map<string, string>();
  if (Array.isArray(flat)) {
    for (let n = 0; n + 1 < flat.length; n += 2) fields.set(String(flat[n]), String(flat[n + 1]));
  }
  return fields.get('num-slaves') === '1' && fields.get('num-other-sentinels') === String(count - 1);
}

async function until({ port }: RunningRedis, isTrue: (redis: Redis) => Promise<boolean>): Promise<void> {
  const redis = new Redis({ host: '127.0.0.1', port });
  const giveUpAt = performance.now() + FORMATION_DEADLINE_MS;
  try {
    while (!(await isTrue(redis))) {
      if (performance.now() > giveUpAt) throw new Error('Redis and its Sentinels did not find each other.');
      await pause(50);
    }
  } finally {
    redis.disconnect();
  }
}
