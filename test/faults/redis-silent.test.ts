import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { judgeAftermath, recovery } from './aftermath.ts';
import { faultRow, LONG, SEED } from './fault-row.ts';
import { startHttpLoad } from './http-load.ts';
import { realStores } from './real-stores.ts';
import { startSwallowingProxy } from './swallowing-proxy.ts';

const FROZEN_S = LONG ? 20 : 3;
const SWALLOWS = LONG ? 200 : 20;

test('a Redis that is stopped and goes on: answers in time, nothing reserved twice', async (t) => {
  await faultRow(
    t,
    { fault: `Redis stopped (SIGSTOP) for ${FROZEN_S} s under load`, checked: 'A, E' },
    async (figures) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const stores = await realStores(t);
      const service = await serviceFor(t, {
        dataDir: stores.dataDir,
        env: { ...stores.env, REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) },
      });
      const load = startHttpLoad({ services: [service], callers: 12, seed: SEED });
      await until('uploads are completed', () => load.completed.size > 50);
      process.kill(redis.pid, 'SIGSTOP');
      await pause(FROZEN_S * 1000);
      figures['recovered after'] =
        `${await recovery(load, async () => process.kill(redis.pid, 'SIGCONT'))} s`;
      await load.stop();
      await judgeAftermath(figures, { load, service, stores });
    },
  );
});

test('replies of Redis that never arrive: what was done is found done, nothing is reserved twice', async (t) => {
  await faultRow(
    t,
    { fault: 'a proxy that swallows replies of Redis, under load', checked: 'A, C, E' },
    async (figures) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const proxy = await startSwallowingProxy(redis.port);
      t.after(() => proxy.close());
      const stores = await realStores(t);
      const service = await serviceFor(t, {
        dataDir: stores.dataDir,
        env: { ...stores.env, REDIS_HOST: '127.0.0.1', REDIS_PORT: String(proxy.port) },
      });
      const load = startHttpLoad({ services: [service], callers: 12, seed: SEED });
      for (let n = 0; n < SWALLOWS; n += 1) {
        const before = load.completed.size;
        await until('uploads are completed', () => load.completed.size > before + 5);
        proxy.swallow();
      }
      figures['recovered after'] = `${await recovery(load, async () => {})} s`;
      await load.stop();
      figures['replies swallowed'] = proxy.swallowed();
      await judgeAftermath(figures, { load, service, stores });
    },
  );
});
