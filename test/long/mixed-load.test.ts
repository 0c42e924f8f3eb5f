import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceFor, sharedRedis } from '../e2e/service.ts';
import { judgeAftermath } from '../faults/aftermath.ts';
import { faultRow, LONG, SEED, secondsSince } from '../faults/fault-row.ts';
import { startHttpLoad } from '../faults/http-load.ts';
import { realStores } from '../faults/real-stores.ts';
import { connectedRedis } from '../helpers/redis.ts';

const MAXIMUM_S = LONG ? 60 : 8;
const LOAD_S = LONG ? 1200 : 30;
const SAMPLES = LONG ? 240 : 30;
const SHARE = 0.6;
const CALLERS = 16;
/** A minute of the load's second half may add so much, and no more, before it counts as a leak. */
const SLOPES = { fds: 2, mebibytes: LONG ? 0.5 : 40 };

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
    const keys = await redis.keys(`${prefix}:*`);
    const times = await Promise.all(keys.map((key) => redis.pttl(key)));
    const forever = keys.filter((_, n) => times[n] === -1);
    const sessions = full.completed.size + load.completed.size;
    Object.assign(figures, {
      'keys per session of the last hour': (keys.length / sessions).toFixed(2),
      'keys without TTL': forever.length,
    });
    if (keys.length > 0) await redis.unlink(keys);
    assert.deepEqual(forever, []);
    assert(slope('fds') < SLOPES.fds, 'descriptors grow');
    assert(slope('mebibytes') < SLOPES.mebibytes, 'memory grows');
  });
});

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
