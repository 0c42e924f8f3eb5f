/**
 * What each part of the service costs: CPU microseconds of the server's process for each request, from *bare* to the
 * service as it ships, all in turns, and how many times as many requests a second it does as *fastapi*, where that can be had.
 *
 * Arguments: `--rounds=7`, `--seconds=2`, `--work=initiate` or `validate`. It prints a Markdown table.
 */
import { parseArgs } from 'node:util';
import { startRedis } from '../scripts/lib/servers/redis.ts';
import { SERVICE_FLAGS } from '../scripts/lib/service-flags.mjs';
import type { Running } from './harness/contract.ts';
import { cpuSeconds } from './harness/process-usage.ts';
import { ratiosOf, spreadOf } from './harness/statistics.ts';
import { initiateRequests, newUsers, pathOf, sendEachOnce, USERS } from './load/users.ts';
import { type LoadRequest, loadWithWrk } from './load/wrk.ts';
import { startBare } from './peers/bare.ts';
import { fastapi, startFastapi } from './peers/fastapi.ts';
import { startFastify } from './peers/fastify.ts';
import { startSluice } from './peers/sluice.ts';
import { sessionsAt } from './workloads/validate.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    work: { type: 'string', default: 'initiate' },
  },
});
// Each server is killed when this process ends, whatever ends it.
process.setMaxListeners(30);
const seconds = Number(options.seconds);
const work = options.work === 'validate' ? 'validate' : 'initiate';

const hasFastapi = await fastapi.prepare({ install: true }).then(
  () => true,
  (fault: unknown) => {
    console.error(`fastapi is absent: ${fault}`);
    return false;
  },
);
const redis = await startRedis();
const flags = SERVICE_FLAGS;
const limits = { RATE_LIMIT_INITIATE: '1000000000', RATE_LIMIT_VALIDATE: '1000000000' };
const steps: Readonly<Record<string, () => Promise<Running>>> = {
  bare: () => startBare(redis.port),
  fastify: () => startFastify(redis.port),
  "fastify, Node's flags of the service": () => startFastify(redis.port, { flags }),
  '+ access tokens': () => startFastify(redis.port, { flags, parts: ['jwt'] }),
  '+ validation': () => startFastify(redis.port, { flags, parts: ['jwt', 'schemas'] }),
  '+ all around a route': () => startFastify(redis.port, { flags, parts: ['jwt', 'schemas', 'frame'] }),
  'sluice, as the other rows have it': () => startSluice({ redisPort: redis.port }),
  'sluice, log level info': () => startSluice({ redisPort: redis.port, env: { LOG_LEVEL: 'info' } }),
  'sluice, with limits of rate': () => startSluice({ redisPort: redis.port, env: limits }),
  ...(hasFastapi && { fastapi: () => startFastapi(redis.port) }),
};

interface Step {
  readonly name: string;
  readonly running: Running;
  readonly requests: LoadRequest[];
  readonly cpu: number[];
  readonly rates: number[];
}

const ladder: Step[] = [];
try {
  for (const [name, start] of Object.entries(steps)) {
    const running = await start();
    ladder.push({ name, running, requests: await requestsFor(running, name), cpu: [], rates: [] });
  }
  for (let round = 0; round <= Number(options.rounds); round += 1) {
    for (const { running, requests, cpu, rates } of ladder) {
      const before = cpuSeconds(running.pid);
      const { rate } = await loadWithWrk({ url: running.url, requests, connections: 32, seconds });
      // The first round compiles.
      if (round === 0) continue;
      cpu.push(((cpuSeconds(running.pid) - before) / (rate * seconds)) * 1e6);
      rates.push(rate);
    }
  }
} finally {
  for (const { running } of ladder) await running.stop();
  await redis.stop();
}

const slowest = ladder.find(({ name }) => name === 'fastapi')?.rates ?? [];
console.log(`| ${work}, CPU of one | least | median | most | rate ÷ fastapi |\n|---|---|---|---|---|`);
for (const { name, cpu, rates } of ladder) {
  const { least, median, most } = spreadOf(cpu);
  const times = ratiosOf(rates, slowest);
  const spread = times.length > 0 ? spreadOf(times) : null;
  const beside = spread
    ? `${spread.median.toFixed(1)} (${spread.least.toFixed(1)} – ${spread.most.toFixed(1)})`
    : '–';
  console.log(
    `| ${name} | ${[least, median, most].map((one) => `${one.toFixed(0)} µs`).join(' | ')} | ${beside} |`,
  );
}

async function requestsFor(running: Running, name: string): Promise<LoadRequest[]> {
  if (work === 'validate') return sessionsAt(running, name);
  const requests = initiateRequests(running, pathOf(name, 'initiate'), newUsers(USERS));
  await sendEachOnce(running.url, requests);
  return requests;
}
