import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startPostgres } from '../../scripts/lib/servers/postgres.ts';
import { serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { judgeAftermath, recovery } from './aftermath.ts';
import { faultRow, LONG, SEED } from './fault-row.ts';
import { startHttpLoad } from './http-load.ts';
import { realStores, redisFor } from './real-stores.ts';

const KILLS = LONG ? 10 : 2;
const AWAY_MS = 1500;
const LOCKED_S = LONG ? 20 : 3;

test('PostgreSQL killed (-m immediate) under load: nothing lost, answers in time', {
  timeout: 300_000,
}, async (t) => {
  await faultRow(
    t,
    { fault: `PostgreSQL killed (-m immediate), ${KILLS} times under load`, checked: 'C, D, E' },
    async (figures) => {
      const server = await startPostgres();
      t.after(() => server.stop());
      const stores = await realStores(t, server.url);
      const service = await serviceFor(t, {
        dataDir: stores.dataDir,
        env: { ...stores.env, ...redisFor(t) },
      });
      const load = startHttpLoad({ services: [service], callers: 12, seed: SEED });
      let slowest = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const before = load.completed.size;
        await until('uploads are completed', () => load.completed.size > before + 50);
        await server.kill();
        await pause(AWAY_MS);
        slowest = Math.max(slowest, await recovery(load, () => server.restart()));
      }
      await load.stop();
      figures['recovered after, at most'] = `${slowest} s`;
      await judgeAftermath(figures, { load, service, stores });
    },
  );
});

test('a lock held on the accounts, under load: answers in time, nothing lost', {
  timeout: 300_000,
}, async (t) => {
  await faultRow(
    t,
    { fault: `a lock held on PostgreSQL's accounts for ${LOCKED_S} s`, checked: 'C, D, E' },
    async (figures) => {
      const stores = await realStores(t);
      const service = await serviceFor(t, {
        dataDir: stores.dataDir,
        env: { ...stores.env, ...redisFor(t) },
      });
      const load = startHttpLoad({ services: [service], callers: 12, seed: SEED });
      await until('uploads are completed', () => load.completed.size > 50);
      await stores.database.query(
        `begin; lock table accounts in access exclusive mode; select pg_sleep(${LOCKED_S}); commit`,
      );
      figures['recovered after'] = `${await recovery(load, async () => {})} s`;
      await load.stop();
      await judgeAftermath(figures, { load, service, stores });
    },
  );
});
