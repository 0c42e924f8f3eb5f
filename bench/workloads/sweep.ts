import { setTimeout } from 'node:timers/promises';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { OURS, type Workload } from '../harness/contract.ts';
import { type LiveSessions, openLiveSessions } from '../load/live-sessions.ts';
import { initiateRequests, newUsers, pathOf, sendEachOnce, USERS } from '../load/users.ts';
import { loadWarm, loadWithWrk } from '../load/wrk.ts';
import { startSluice } from '../peers/sluice.ts';

const IDLE = 'sluice without a sweep';
const MOST_ROUNDS = 3;
const SPARE_MS = 3000;
/** Where less is left after the load, that is too little to be timed: it is at least as fast as before. */
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
        // Long enough for all of them to be there before the first one goes.
        const lead = SPARE_MS + Math.ceil(2 * count * (await timeOfOne(live)));
        const expireAt = Date.now() + lead;
        await live.fill(count, expireAt);
        if (Date.now() > expireAt) throw new Error('the sessions could not be made before they expired');

        await setTimeout(Math.max(0, expireAt - Date.now()));
        await until(live, (share) => share > 0);
        const sweptAt = async () => ({ share: await live.swept(), at: performance.now() });
        const began = await sweptAt();
        const { rate } = await loadWithWrk({ ...load, seconds: bench.seconds });
        const between = await sweptAt();
        await until(live, (share) => share === 1);
        const ended = await sweptAt();
        // It rests while requests come: what is left is for afterwards.
        const swept = perSecond(count, began, between);
        const alone = between.share < MOST_SWEPT ? perSecond(count, between, ended) : swept;
        bench.record(OURS, { swept, alone, rate });
        bench.record(IDLE, { rate: idle.rate });
      } finally {
        for (const one of [service, live, redis]) await one.stop();
      }
    }
  },
};

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
