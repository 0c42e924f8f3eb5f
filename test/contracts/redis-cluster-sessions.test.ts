import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningCluster, startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { connectedRedis, eventually } from '../helpers/redis.ts';
import { connectedCluster } from '../helpers/redis-cluster.ts';
import { harnessOn, PATIENT_MS } from './session-store/redis-harness.ts';
import { sessionStoreContract } from './session-store/suite.ts';

let cluster: RunningCluster;

before(async () => {
  cluster = await startRedisCluster();
});

after(() => cluster?.stop());

sessionStoreContract('redis cluster', async () => harnessOn(await connectedCluster(cluster), PATIENT_MS), {
  losesAccounts: true,
});

test('redis cluster: the check finds one master of all that takes no writes', async (t) => {
  const harness = await harnessOn(await connectedCluster(cluster), PATIENT_MS);
  t.after(() => harness.close());
  const operator = await connectedRedis(cluster.masters.at(-1)?.port ?? 0);
  t.after(() => operator.disconnect());
  await harness.bare.check();
  await operator.config('SET', 'maxmemory', '1');
  await assert.rejects(harness.bare.check(), { code: 'REDIS_CONNECTION_ERROR' });
  await operator.config('SET', 'maxmemory', '0');
  await eventually(60_000, () => harness.bare.check());
});
