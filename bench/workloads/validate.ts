import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { OURS, type Running, type Workload } from '../harness/contract.ts';
import { noteFramework, noteLeast } from '../harness/framework-note.ts';
import { headersOf, initiateRequests, newUsers, pathOf } from '../load/users.ts';
import { type LoadRequest, loadAndCharge } from '../load/wrk.ts';
import { bare, bareWithTokens, startBare, startBareWithTokens } from '../peers/bare.ts';
import { fastapi, startFastapi } from '../peers/fastapi.ts';
import { fastify, startFastify } from '../peers/fastify.ts';
import { startSluice } from '../peers/sluice.ts';

const SESSIONS = 200;

export const validate: Workload = {
  id: 'validate',
  title: 'Validate: one process, 32 connections, Redis',
  peers: [bare, bareWithTokens, fastify, fastapi],
  measures: {
    rate: { title: 'validate', unit: 'requests/s' },
    cpu: { title: 'validate: CPU of one', unit: 'µs' },
  },
  async run(bench) {
    const redis = bench.keep(await startRedis());
    const running = await bench.start({
      [OURS]: () => startSluice({ redisPort: redis.port }),
      bare: () => startBare(redis.port),
      [bareWithTokens.name]: () => startBareWithTokens(redis.port),
      fastify: () => startFastify(redis.port),
      fastapi: () => startFastapi(redis.port),
    });
    const asked = new Map<string, LoadRequest[]>();
    const rounds = await bench.alternate(running, async (one, name) => {
      const requests = asked.get(name) ?? (await sessionsAt(one, name));
      asked.set(name, requests);
      const load = { requests, connections: 32, seconds: bench.seconds };
      return await loadAndCharge(one, load);
    });
    noteFramework(bench, rounds);
    noteLeast(bench, rounds);
  },
};

/** Make sessions, one for each user; gives the requests that ask for them. */
export async function sessionsAt(running: Running, name: string): Promise<LoadRequest[]> {
  const users = newUsers(SESSIONS);
  const requests: LoadRequest[] = [];
  for (const [index, { path, headers, body }] of initiateRequests(
    running,
    pathOf(name, 'initiate'),
    users,
  ).entries()) {
    const response = await fetch(running.url + path, { method: 'POST', headers, body });
    const made: unknown = await response.json();
    const id = typeof made === 'object' && made !== null && 'session_id' in made ? made.session_id : null;
    if (typeof id !== 'string') throw new Error(`${name} made no session: ${response.status}`);
    const user_id = users[index] ?? '';
    requests.push({
      path: pathOf(name, 'validate'),
      headers: headersOf(running, user_id),
      body: JSON.stringify({ session_id: id, user_id }),
    });
  }
  return requests;
}
