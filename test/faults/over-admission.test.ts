import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { createClient } from '../e2e/client.ts';
import { type ServiceProcess, serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { type Figures, faultRow } from './fault-row.ts';
import { realStores, redisFor } from './real-stores.ts';

const PROCESSES = 4;
const CALLS_EACH = 500;
const WARM_UP_CALLS = 200;
const ROOM = 37;
const SIZE = 1_000_000;

test('4 processes × 500 simultaneous initiates for room for 37, on a single Redis: none too many', async (t) => {
  const row = { fault: '4 × 500 simultaneous initiates for room for 37, single Redis', checked: 'A' };
  await faultRow(t, row, (figures) => prove(t, redisFor(t), figures));
});

test('4 processes × 500 simultaneous initiates for room for 37, on a Cluster: none too many', async (t) => {
  const row = { fault: '4 × 500 simultaneous initiates for room for 37, Cluster of 3 masters', checked: 'A' };
  await faultRow(t, row, async (figures) => {
    const cluster = await startRedisCluster();
    t.after(() => cluster.stop());
    await prove(t, { REDIS_CLUSTER_NODES: cluster.addresses }, figures);
  });
});

async function prove(t: TestContext, redis: Readonly<Record<string, string>>, figures: Figures) {
  const { dataDir, env } = await realStores(t);
  const quota = { UPLOAD_DEFAULT_QUOTA: String(ROOM * SIZE) };
  const services = await Promise.all(
    Array.from({ length: PROCESSES }, () => serviceFor(t, { dataDir, env: { ...env, ...redis, ...quota } })),
  );
  // A process that has just started answers its first hundreds of calls slowly.
  await Promise.all(services.map((service) => storm(service, randomUUID(), WARM_UP_CALLS)));
  const user = randomUUID();
  const answers = (await Promise.all(services.map((service) => storm(service, user, CALLS_EACH)))).flat();
  const count = (status: number) => answers.filter((answer) => answer === status).length;
  const [first = assert.fail()] = services;
  const client = createClient(first, user);
  // Right after the storm Redis may still be too slow for an answer in time.
  await until('the quota can be read', async () => (await client.call('GET', 'quota')).status === 200);
  const { quota_reserved, active_sessions } = await client.quota();
  Object.assign(figures, {
    'over-admissions': Math.max(0, Number(active_sessions) - ROOM, count(201) - ROOM),
    admitted: count(201),
    refused: count(429),
    'other answers': answers.length - count(201) - count(429),
  });
  assert.equal(figures['over-admissions'], 0);
  // A call whose answer was lost on the way may have been admitted; none that was refused is.
  assert(count(201) <= ROOM && Number(active_sessions) <= ROOM);
  assert.equal(quota_reserved, Number(active_sessions) * SIZE);
  if (figures['other answers'] === 0) assert.deepEqual([count(201), active_sessions], [ROOM, ROOM]);
}

/** All calls at once, each on a connection of its own. Gives their statuses. */
async function storm(service: ServiceProcess, user: string, calls: number): Promise<number[]> {
  const body = JSON.stringify({
    dashboard_context: { source_section: 'faults', workflow_type: 'single_upload' },
    expected_file_size: SIZE,
  });
  const headers = {
    authorization: `Bearer ${service.token({ user })}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const agent = new Agent({ maxSockets: calls });
  async function call(): Promise<number> {
    const sent = request(`${service.url}/v1/dashboard/upload/initiate`, { method: 'POST', agent, headers });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await answer.resume().toArray();
    return answer.statusCode ?? 0;
  }
  const statuses = await Promise.all(Array.from({ length: calls }, call));
  agent.destroy();
  return statuses;
}
