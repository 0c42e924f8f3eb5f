import { setTimeout } from 'node:timers/promises';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { OURS, type Workload } from '../harness/contract.ts';
import { cpuSeconds } from '../harness/process-usage.ts';
import { type LiveSessions, MOST_WATCHED, openLiveSessions } from '../load/live-sessions.ts';
import { initiateRequests, newUsers, pathOf, sendEachOnce, USERS } from '../load/users.ts';
import { loadWarm, loadWithWrk } from '../load/wrk.ts';
import { startSluice } from '../peers/sluice.ts';

const IDLE = 'sluice without a sweep';
const MOST_ROUNDS = 3;
const SPARE_MS = 3000;
const MOST_SWEPT = 0.8;
/** A sweep that takes longer has failed. */
const DEADLINE_MS = 120_000;

export const sweep: Workload = {
  id: 'sweep',
  title: 'Sessions that all expire at once are swept, while others are made',
  peers: [],
  measures: {
    swept: { title: 'expired sessions swept, under load', unit: 'sessions/s' },
    alone: { title: 'expired sessions swept, with nothing beside', unit: 'sessions/s' },
    cpu: { title: 'CPU of the service for one of them, its event delivered', unit: 'µs' },
    redis: { title: 'CPU of Redis for the same', unit: 'µs' },
    rate: { title: 'initiate beside the sweep', unit: 'requests/s' },
  },
  async run(bench) {
    const count = bench.sized(100_000, 1000);
    for (let round = 0; round < Math.min(bench.rounds, MOST_ROUNDS); round += 1) {
      const redis = await startRedis();
      const live = await openLiveSessions(redis.port);
      const service = await startSluice({ redisPort: redis.port, env: { RECONCILE_INTERVAL: '86400' } });
      try {
        const requests = initiateRequests(service, pathOf(OURS, 'initiate'), newUsers(USERS));
        const load = { url: service.url, requests, connections: 32 };
        await sendEachOnce(service.url, requests);
        const idle = await loadWarm({ ...load, seconds: bench.seconds });
        await fillAndExpire(live, count);
        await until(live, (share) => share > 0);
        const sweptAt = async () => ({ share: await live.swept(MOST_WATCHED), at: performance.now() });
        const began = await sweptAt();
        const { rate } = await loadWithWrk({ ...load, seconds: bench.seconds });
        const between = await sweptAt();
        // It rests while requests come: what is left is for afterwards.
        await until(live, (share) => share === 1);
        const swept = perSecond(count, began, between);

        const some = bench.sized(30_000, 1000);
        const expiredAt = await fillAndExpire(live, some);
        const used = () => ({ cpu: cpuSeconds(service.pid), redis: cpuSeconds(redis.pid) });
        const before = used();
        await until(live, (share) => share > 0);
        const first = await sweptAt();
        await until(live, (share) => share === 1);
        const last = await sweptAt();
        const after = used();
        // Where hardly any was left when it was looked first, that is too little to be timed.
        const alone = perSecond(some, first.share < MOST_SWEPT ? first : { share: 0, at: expiredAt }, last);
        const ofOne = (seconds: number) => (seconds / some) * 1e6;
        const cost = { cpu: ofOne(after.cpu - before.cpu), redis: ofOne(after.redis - before.redis) };
        bench.record(OURS, { swept, alone, ...cost, rate });
        bench.record(IDLE, { rate: idle.rate });
      } finally {
        for (const one of [service, live, redis]) await one.stop();
      }
    }
  },
};

/** Put so many there, and wait for the moment at which all of them expire. Gives it, by `performance.now`. */
async function fillAndExpire(live: LiveSessions, count: number): Promise<number> {
  // Long enough for all of them to be there before the first one goes.
  const expireAt = Date.now() + SPARE_MS + Math.ceil(2 * count * (await timeOfOne(live)));
  await live.fill(count, expireAt);
  if (Date.now() > expireAt) throw new Error('the sessions could not be made before they expired');
  await setTimeout(Math.max(0, expireAt - Date.now()));
  return performance.now();
}

interface Moment {
  readonly share: number;
  readonly at: number;
}

function perSecond(count: number, from: Moment, to: Moment): number {
  return (count * (to.share - from.share)) / ((to.at - from.at) / 1000);
}

/** Milliseconds that it takes to make one of many sessions. */
async function timeOfOne(live: LiveSessions): Promise<number> {
  const some = 500;
  const began = performance.now();
  await live.fill(some);
  return (performance.now() - began) / some;
}

async function until(live: LiveSessions, reached: (share: number) => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!reached(await live.swept())) {
    if (Date.now() > deadline) throw new Error('the expired sessions are not swept in time');
    await setTimeout(50);
  }
}
