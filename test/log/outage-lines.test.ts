import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { createOutageLines } from '../../src/log/outage-lines.ts';
import { openStores } from '../../src/main/open-stores.ts';
import { until } from '../e2e/until.ts';
import { startRedis } from '../helpers/redis.ts';

function gatheringLog() {
  const lines: { readonly level: number; readonly msg: string; readonly moreFaults?: number }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines, said: () => lines.map(({ msg }) => msg) };
}

test('an outage is told once, then each minute with what was left out, and when it is over', () => {
  let now = 0;
  const { log, lines, said } = gatheringLog();
  const outage = createOutageLines(log, 'Redis', () => now);
  outage.over();
  assert.deepEqual(said(), []);
  for (; now < 90_000; now += 1000) outage.failed(new Error('refused'));
  assert.deepEqual(said(), ['the connection to Redis failed', 'the connection to Redis failed']);
  assert.deepEqual(
    lines.map(({ moreFaults }) => moreFaults),
    [undefined, 59],
  );
  outage.over();
  outage.over();
  assert.deepEqual(said().slice(2), ['Redis answers again']);
  outage.failed(new Error('refused'));
  assert.deepEqual(said().slice(3), ['the connection to Redis failed']);
});

test('while Redis is away the log is not flooded, and says when it is back', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-outage-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const env = { DATA_DIR: dataDir, REDIS_HOST: '127.0.0.1', REDIS_PORT: String(server.port) };
  const loaded = loadConfig(env, 'embedded');
  assert.ok(loaded.ok);
  const { log, said } = gatheringLog();
  const stores = await openStores(loaded.config, log);
  t.after(() => stores.close());
  const signals = stores.writerSignals?.('one');
  t.after(() => signals?.close());
  assert.deepEqual(said(), []);

  const redis = stores.eventStream?.redis;
  assert.ok(redis instanceof Redis);
  let faults = 0;
  redis.on('error', () => {
    faults += 1;
  });
  await server.kill();
  await until('it was tried again and again', () => faults >= 10);
  assert.deepEqual(said(), ['the connection to Redis failed']);
  await server.start();
  await until('it is said to be back', () => said().length > 1);
  assert.deepEqual(said(), ['the connection to Redis failed', 'Redis answers again']);
});
