import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { serviceFor, sharedRedis } from '../e2e/service.ts';
import { connectedRedis } from '../helpers/redis.ts';
import { judgeAftermath } from './aftermath.ts';
import { faultRow, LONG, SEED, secondsSince } from './fault-row.ts';
import { startHttpLoad } from './http-load.ts';
import { realStores } from './real-stores.ts';

const MAXIMUM_S = LONG ? 60 : 4;
const LOAD_S = LONG ? 1200 : 12;
const SAMPLES = LONG ? 240 : 12;
const SHARE = 0.6;
const CALLERS = 16;
/** A minute of the load's second half may add so much, and no more, before it counts as a leak: the long form. */
const SLOPES = { fds: 2, mebibytes: 0.5 };
/** Seconds say nothing of a slope. What the short form finds is what leaks with each request, and much of it. */
const GROWTH = { fds: 2 * CALLERS, mebibytes: 150 };

test('mixed load at 60 % of the maximum: memory, descriptors and keys stay flat', {
  timeout: 1_800_000,
}, async (t) => {
  const row = { fault: `mixed load at 60 % of the maximum for ${LOAD_S} s`, checked: 'F' };
  await faultRow(t, row, async (figures) => {
    const stores = await realStores(t);
    const { port, prefix, env } = sharedRedis();
    const service = await serviceFor(t, { dataDir: stores.dataDir, env: { ...stores.env, ...env } });
    const redis = await connectedRedis(port);
    t.after(() => redis.disconnect());

    const full = startHttpLoad({ services: [service], callers: CALLERS, seed: SEED });
    await pause(MAXIMUM_S * 1000);
    await full.stop();
    const maximum = full.completed.size / MAXIMUM_S;

    const startedAt = performance.now();
    const perSecond = maximum * SHARE;
    const load = startHttpLoad({ services: [service], callers: CALLERS, seed: SEED + 1, perSecond });
    const samples: Sample[] = [];
    for (let n = 0; n < SAMPLES; n += 1) {
      await pause((LOAD_S * 1000) / SAMPLES);
      samples.push({ minutes: secondsSince(startedAt) / 60, ...lookAt(service.pid) });
    }
    await load.stop();

    const half = samples.slice(samples.length / 2);
    const slope = (of: 'mebibytes' | 'fds') => slopeOf(half.map((sample) => [sample.minutes, sample[of]]));
    Object.assign(figures, {
      'maximum uploads/s': maximum.toFixed(1),
      'load uploads/s': (load.completed.size / LOAD_S).toFixed(1),
      'RSS at the end': `${Math.round(samples.at(-1)?.mebibytes ?? 0)} MiB`,
      'RSS slope': `${slope('mebibytes').toFixed(2)} MiB/min`,
      'descriptors at the end': samples.at(-1)?.fds ?? 0,
      'descriptor slope': `${slope('fds').toFixed(2)} /min`,
    });
    for (const ended of [full, load]) await judgeAftermath(figures, { load: ended, service, stores });
    const { count, forever } = await removeKeys(redis, `${prefix}:*`);
    const sessions = full.completed.size + load.completed.size;
    Object.assign(figures, {
      'keys per session of the last hour': (count / sessions).toFixed(2),
      'keys without TTL': forever.length,
    });
    assert.deepEqual(forever, []);
    for (const what of ['fds', 'mebibytes'] as const) {
      const grown = (samples.at(-1)?.[what] ?? 0) - (samples[0]?.[what] ?? 0);
      if (LONG) assert(slope(what) < SLOPES[what], `${what} grow by ${slope(what).toFixed(2)} a minute`);
      else assert(grown < GROWTH[what], `${what} grew by ${Math.round(grown)}`);
    }
  });
});

/** A few at a time: twenty minutes leave hundreds of thousands. `forever`: those that would have stayed. */
async function removeKeys(redis: Redis, match: string): Promise<{ count: number; forever: string[] }> {
  const forever: string[] = [];
  let count = 0;
  for await (const batch of redis.scanStream({ match, count: 500 })) {
    const keys: string[] = batch;
    if (keys.length === 0) continue;
    const times = await Promise.all(keys.map((key) => redis.pttl(key)));
    forever.push(...keys.filter((_, n) => times[n] === -1));
    count += await redis.unlink(keys);
  }
  return { count, forever };
}

interface Sample {
  readonly minutes: number;
  readonly mebibytes: number;
  readonly fds: number;
}

function lookAt(pid: number): Pick<Sample, 'mebibytes' | 'fds'> {
  const kibibytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { mebibytes: Number(kibibytes) / 1024, fds: readdirSync(`/proc/${pid}/fd`).length };
}

/** Least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const above = points.map(([x, y]) => (x - meanX) * (y - meanY));
  const below = points.map(([x]) => (x - meanX) ** 2);
  return mean(above) / mean(below);
}
