import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { OURS, type Workload } from '../harness/contract.ts';
import { openLiveSessions } from '../load/live-sessions.ts';
import { initiateRequests, newUsers, pathOf, sendEachOnce, USERS } from '../load/users.ts';
import { loadWarm } from '../load/wrk.ts';
import { startSluice } from '../peers/sluice.ts';

const EMPTY = 'sluice with none';

export const liveSessions: Workload = {
  id: 'live-sessions',
  title: 'Initiate with 1 000 000 live sessions present, and what they take in Redis',
  peers: [],
  measures: {
    rate: { title: 'initiate with 1 000 000 live sessions', unit: 'requests/s' },
    bytes: { title: 'memory of Redis for a live session', unit: 'bytes' },
  },
  async run(bench) {
    const [full, empty] = [bench.keep(await startRedis()), bench.keep(await startRedis())];
    const live = bench.keep(await openLiveSessions(full.port));
    const count = bench.sized(1_000_000, 2000);
    const before = await live.usedBytes();
    await live.fill(count);
    bench.record(OURS, { bytes: ((await live.usedBytes()) - before) / count });
    bench.note(
      'each of the sessions that are present has a name, a format, a size and a context of 180 bytes; ten belong to a user, whose account is counted too.',
    );

    // Nothing heals accounts that these Redis alone know of.
    const env = { RECONCILE_INTERVAL: '86400' };
    const running = await bench.start({
      [OURS]: () => startSluice({ redisPort: full.port, env }),
      [EMPTY]: () => startSluice({ redisPort: empty.port, env }),
    });
    const users = newUsers(USERS);
    for (const [, one] of running) {
      await sendEachOnce(one.url, initiateRequests(one, pathOf(OURS, 'initiate'), users));
    }
    await bench.alternate(running, async (one) => {
      const requests = initiateRequests(one, pathOf(OURS, 'initiate'), users);
      const load = { url: one.url, requests, connections: 32, seconds: bench.seconds };
      return { rate: (await loadWarm(load)).rate };
    });
  },
};
