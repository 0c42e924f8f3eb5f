import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { OURS, type Workload } from '../harness/contract.ts';
import { median } from '../harness/statistics.ts';
import { initiateRequests, newUsers, pathOf, USERS } from '../load/users.ts';
import { loadWithWrk } from '../load/wrk.ts';
import { bare, startBare } from '../peers/bare.ts';
import { fastapi, startFastapi } from '../peers/fastapi.ts';
import { startSluice } from '../peers/sluice.ts';

const CONNECTIONS = 32;

export const initiate: Workload = {
  id: 'initiate',
  title: 'Initiate: one process, 32 connections, Redis',
  peers: [bare, fastapi],
  measures: {
    rate: { title: 'initiate', unit: 'requests/s' },
    p99: { title: 'initiate at half of its maximum, p99', unit: 'ms' },
  },
  async run(bench) {
    const redis = bench.keep(await startRedis());
    const running = await bench.start({
      [OURS]: () => startSluice({ redisPort: redis.port }),
      bare: () => startBare(redis.port),
      fastapi: () => startFastapi(redis.port),
    });
    const users = newUsers(USERS);
    const rates: number[] = [];

    await bench.alternate(running, async (one, name) => {
      const requests = initiateRequests(one, pathOf(name, 'initiate'), users);
      const load = { url: one.url, requests, connections: CONNECTIONS };
      // The accounts are loaded and the code is compiled in the time before.
      await loadWithWrk({ ...load, seconds: 1 });
      const { rate } = await loadWithWrk({ ...load, seconds: bench.seconds });
      if (name === OURS) rates.push(rate);
      return { rate };
    });

    const ours = running.get(OURS);
    if (!ours) return;
    const requests = initiateRequests(ours, pathOf(OURS, 'initiate'), users);
    const half = median(rates) / 2;
    const load = { url: ours.url, requests, connections: CONNECTIONS, seconds: bench.seconds, rate: half };
    await bench.alternate(new Map([[OURS, ours]]), async () => ({ p99: (await loadWithWrk(load)).p99 }));
  },
};
