import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { OURS, type Workload } from '../harness/contract.ts';
import { noteFramework, noteLeast } from '../harness/framework-note.ts';
import { median } from '../harness/statistics.ts';
import { initiateRequests, newUsers, pathOf, sendEachOnce, USERS } from '../load/users.ts';
import { loadAndCharge, loadWithWrk } from '../load/wrk.ts';
import { bare, bareWithTokens, startBare, startBareWithTokens } from '../peers/bare.ts';
import { fastapi, startFastapi } from '../peers/fastapi.ts';
import { fastify, startFastify } from '../peers/fastify.ts';
import { redisBenchmark, runRedisBenchmark, startRedisBenchmark } from '../peers/redis-benchmark.ts';
import { startSluice } from '../peers/sluice.ts';

const CONNECTIONS = 32;

export const initiate: Workload = {
  id: 'initiate',
  title: 'Initiate: one process, 32 connections, Redis',
  peers: [bare, bareWithTokens, fastify, fastapi, redisBenchmark],
  measures: {
    rate: { title: 'initiate', unit: 'requests/s' },
    cpu: { title: 'initiate: CPU of one', unit: 'µs' },
    p99: { title: 'initiate at half of its maximum, p99', unit: 'ms' },
  },
  async run(bench) {
    const redis = bench.keep(await startRedis());
    const running = await bench.start({
      [OURS]: () => startSluice({ redisPort: redis.port }),
      bare: () => startBare(redis.port),
      [bareWithTokens.name]: () => startBareWithTokens(redis.port),
      fastify: () => startFastify(redis.port),
      fastapi: () => startFastapi(redis.port),
      'redis-benchmark': () => startRedisBenchmark(redis.port),
    });
    const users = newUsers(USERS);
    const warm = new Set<string>();

    const rounds = await bench.alternate(running, async (one, name) => {
      if (name === 'redis-benchmark') {
        return { rate: runRedisBenchmark(redis.port, one.url, CONNECTIONS, bench.sized(200_000, 2000)) };
      }
      const requests = initiateRequests(one, pathOf(name, 'initiate'), users);
      if (!warm.has(name)) await sendEachOnce(one.url, requests);
      warm.add(name);
      const load = { requests, connections: CONNECTIONS, seconds: bench.seconds };
      return await loadAndCharge(one, load);
    });

    noteFramework(bench, rounds);
    noteLeast(bench, rounds);
    const ours = running.get(OURS);
    if (!ours) return;
    const requests = initiateRequests(ours, pathOf(OURS, 'initiate'), users);
    const half = median((rounds.get(OURS) ?? []).map(({ rate = Number.NaN }) => rate)) / 2;
    const load = { url: ours.url, requests, connections: CONNECTIONS, seconds: bench.seconds, rate: half };
    await bench.alternate(new Map([[OURS, ours]]), async () => ({ p99: (await loadWithWrk(load)).p99 }));
  },
};
