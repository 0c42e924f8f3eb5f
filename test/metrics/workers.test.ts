import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { createClient } from '../e2e/client.ts';
import { type ServiceProcess, serviceFor, sharedRedis } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { connectedRedis } from '../helpers/redis.ts';
import { readSeries } from './series.ts';

const WORKERS = 2;
const ACCEPTED = 'upload_initiate_total{outcome="accepted"}';
const CLOSE = { connection: 'close' };

async function startWorkers(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const redis = sharedRedis();
  const service = await serviceFor(t, { env: { ...redis.env, WORKERS: String(WORKERS), ...env } });
  t.after(async () => {
    const connection = await connectedRedis(redis.port);
    const keys = await connection.keys(`${redis.prefix}:*`);
    if (keys.length > 0) await connection.unlink(keys);
    connection.disconnect();
  });
  // All of them answer: each reports that it runs.
  await until('all workers report', async () => {
    const series = await readSeries(service.url, CLOSE);
    return workersOf(service).length === WORKERS && series.get(ACCEPTED) === 0;
  });
  return service;
}

function workersOf({ pid }: ServiceProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** Sends so many wishes on connections of their own, which the workers share. */
async function initiate(service: ServiceProcess, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const { token } = { token: service.token({ user: randomUUID() }) };
    const response = await fetch(`${service.url}/v1/dashboard/upload/initiate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...CLOSE },
      body: JSON.stringify({
        dashboard_context: { source_section: 'metrics', workflow_type: 'single_upload' },
        expected_file_size: 1000,
      }),
    });
    assert.equal(response.status, 201);
    await response.text();
  }
}

test('whichever worker is asked tells what all of them counted, and no sum falls when one dies', async (t) => {
  const service = await startWorkers(t);
  await initiate(service, 20);
  for (let scrape = 0; scrape < 6; scrape += 1) {
    await until('all are counted', async () => {
      return (await readSeries(service.url, CLOSE)).get(ACCEPTED) === 20;
    });
  }
  const [first = 0, second = 0] = workersOf(service);
  for (const pid of [first, second]) {
    process.kill(pid, 'SIGKILL');
    await until('it is replaced', () => {
      const now = workersOf(service);
      return now.length === WORKERS && !now.includes(pid);
    });
    const series = await untilAnswered(service);
    assert.equal(series.get(ACCEPTED), 20, 'what the dead one had counted stays counted');
    assert.equal(series.get('quota_admission_duration_seconds_count'), 20);
  }
  await initiate(service, 4);
  await until('those who came after them count on', async () => {
    return (await readSeries(service.url, CLOSE)).get(ACCEPTED) === 24;
  });
});

/** Its place is taken once another one listens; until then a connection may be given to nobody. */
async function untilAnswered(service: ServiceProcess) {
  let series = new Map<string, number>();
  await until('a worker answers', async () => {
    const read = readSeries(service.url, CLOSE).then((found) => new Map(found));
    series = await read.catch(() => series);
    return series.size > 0;
  });
  return series;
}

test('state that all workers share is told once, not once by each', async (t) => {
  const service = await startWorkers(t, { RECONCILE_INTERVAL: '1' });
  await createClient(service, randomUUID()).session(5000);
  await createClient(service, randomUUID()).session(7000);
  await until('the reconciler has come by', async () => {
    const series = await readSeries(service.url, CLOSE);
    return series.get('upload_sessions_active') === 2;
  });
  const series = await readSeries(service.url, CLOSE);
  assert.equal(series.get('quota_reserved_bytes'), 12_000);
  assert.equal(series.get('quota_drift_bytes'), 0);
  assert.equal(series.get('redis_breaker_state'), 0);
  const builds = [...series].filter(([name]) => name.startsWith('sluice_build_info'));
  assert.deepEqual(
    builds.map(([, value]) => value),
    [1],
  );
  assert.ok((series.get('redis_command_duration_seconds_count{cmd="admit",outcome="ok"}') ?? 0) >= 2);
  assert.ok((series.get('process_start_time_seconds') ?? 0) > 1e9);
});
