import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { judgeAftermath, recovery } from './aftermath.ts';
import { type Figures, faultRow, LONG, SEED } from './fault-row.ts';
import { startHttpLoad } from './http-load.ts';
import { realStores } from './real-stores.ts';

const KILLS = LONG ? 10 : 2;
/** How long it is away each time. */
const AWAY_MS = 700;

test('kill -9 of a Redis that keeps its data, under load: nothing lost, answers in time', async (t) => {
  const row = {
    fault: `kill -9 and restart of Redis, append-only file, ${KILLS} times under load`,
    checked: 'C, E, F',
  };
  const settings = ['--appendonly', 'yes', '--appendfsync', 'always'];
  await faultRow(t, row, (figures) => prove(t, { settings, keeps: true }, figures));
});

test('kill -9 of a Redis that keeps nothing, under load: only unfinished sessions are lost', async (t) => {
  const row = {
    fault: `kill -9 and restart of Redis, nothing kept, ${KILLS} times under load`,
    checked: 'C, E',
  };
  await faultRow(t, row, (figures) => prove(t, { settings: [], keeps: false }, figures));
});

async function prove(
  t: TestContext,
  kind: { readonly settings: readonly string[]; readonly keeps: boolean },
  figures: Figures,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-kept-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let redis = await startRedis({ settings: kind.settings, folder });
  t.after(() => redis.stop());
  const stores = await realStores(t);
  const service = await serviceFor(t, {
    dataDir: stores.dataDir,
    env: { ...stores.env, REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) },
  });
  const load = startHttpLoad({ services: [service], callers: 12, seed: SEED });
  let slowest = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = load.completed.size;
    await until('uploads are completed', () => load.completed.size > before + 50);
    await redis.stop();
    await pause(AWAY_MS);
    const seconds = await recovery(load, async () => {
      redis = await startRedis({ settings: kind.settings, folder, port: redis.port });
    });
    slowest = Math.max(slowest, seconds);
  }
  await load.stop();
  figures['recovered after, at most'] = `${slowest} s`;
  await judgeAftermath(figures, { load, service, stores, sessionsLost: !kind.keeps });
}
