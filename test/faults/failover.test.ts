import { test } from 'node:test';
import { Redis } from 'ioredis';
import { type RunningCluster, startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { startRedisWithSentinels } from '../../scripts/lib/servers/redis-sentinel.ts';
import { serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { moveSlot } from '../helpers/redis-cluster.ts';
import { judgeAftermath } from './aftermath.ts';
import { faultRow, SEED } from './fault-row.ts';
import { type HttpLoad, startHttpLoad } from './http-load.ts';
import { realStores } from './real-stores.ts';

/** Replication is not waited for: what the master had not passed on when it died is lost, and nothing else. */
const sessionsLost = true;
/** Slots with keys that move from one master to another while their users are at work. */
const SLOTS_MOVED = 3;

test('Sentinels replace a killed master under load: the services find the new one by themselves', {
  timeout: 180_000,
}, async (t) => {
  await faultRow(
    t,
    { fault: 'Sentinel failover, master killed under load on 2 processes', checked: 'A, C, E' },
    async (figures) => {
      const redis = await startRedisWithSentinels();
      t.after(() => redis.stop());
      const stores = await realStores(t);
      const env = {
        ...stores.env,
        REDIS_SENTINELS: redis.addresses,
        REDIS_SENTINEL_MASTER: redis.masterName,
      };
      const service = await serviceFor(t, { dataDir: stores.dataDir, env });
      const services = [service, await serviceFor(t, { dataDir: stores.dataDir, env })];
      const load = startHttpLoad({ services, callers: 12, seed: SEED });
      await until('uploads are completed', () => load.completed.size > 50);
      await redis.master.stop();
      await everybodyGoesOn(load);
      figures['longest outage of a user'] = `${Math.round(load.longestOutageMs())} ms`;
      await load.stop();
      await judgeAftermath(figures, { load, service, stores, sessionsLost });
    },
  );
});

test('a Cluster forgets its scripts, moves slots and loses a master under load: the services go on by themselves', {
  timeout: 180_000,
}, async (t) => {
  await faultRow(
    t,
    { fault: 'Cluster: SCRIPT FLUSH, slots moved, failover, under load on 2 processes', checked: 'A, C, E' },
    async (figures) => {
      const cluster = await startRedisCluster({ replicas: true, nodeTimeoutMs: 1000 });
      t.after(() => cluster.stop());
      const stores = await realStores(t);
      const env = { ...stores.env, REDIS_CLUSTER_NODES: cluster.addresses };
      const service = await serviceFor(t, { dataDir: stores.dataDir, env });
      const services = [service, await serviceFor(t, { dataDir: stores.dataDir, env })];
      const load = startHttpLoad({ services, callers: 12, seed: SEED });
      await until('uploads are completed', () => load.completed.size > 50);
      await flushScripts(cluster.masters.map(({ port }) => port));
      figures['after SCRIPT FLUSH'] = [...load.answers]
        .map(([name, count]) => `${count} × ${name}`)
        .join(', ');
      const flushedAt = load.completed.size;
      await until('uploads are completed after it', () => load.completed.size > flushedAt + 50);
      figures['slots moved'] = await moveSlots(cluster, SLOTS_MOVED);
      const movedAt = load.completed.size;
      await until('uploads are completed after that', () => load.completed.size > movedAt + 50);
      await cluster.masters[0]?.stop();
      await everybodyGoesOn(load);
      figures['longest outage of a user'] = `${Math.round(load.longestOutageMs())} ms`;
      await load.stop();
      await judgeAftermath(figures, { load, service, stores, sessionsLost });
    },
  );
});

/** Each user completes more uploads: those whose keys the dead master had, too. */
async function everybodyGoesOn({ users, completedBy }: HttpLoad): Promise<void> {
  const before = new Map(completedBy);
  const goesOn = (user: string) => (completedBy.get(user) ?? 0) > (before.get(user) ?? 0) + 2;
  await until('everybody completes uploads again', () => users.every(goesOn), 60_000);
}

async function flushScripts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const redis = new Redis({ host: '127.0.0.1', port });
    for (let n = 0; n < 20; n += 1) await redis.script('FLUSH');
    redis.disconnect();
  }
}

/** Slots of the second master that hold keys move to the third one. Gives how many it moved. */
async function moveSlots({ masters }: RunningCluster, count: number): Promise<number> {
  const nodes = masters.map(({ port }) => new Redis({ host: '127.0.0.1', port }));
  let moved = 0;
  for (; moved < count; moved += 1) {
    const key = await nodes[1]?.randomkey();
    if (!key) break;
    await moveSlot(nodes, Number(await nodes[1]?.cluster('KEYSLOT', key)), 1, 2);
  }
  for (const node of nodes) node.disconnect();
  return moved;
}
