import { after, before } from 'node:test';
import { type RunningCluster, startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
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
