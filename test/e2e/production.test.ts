import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import type { RunningSentinels } from '../../scripts/lib/servers/redis-sentinel.ts';
import { exportLine, startTopology } from '../../scripts/lib/topology.ts';
import { createClient, offsetOf, patchRest } from './client.ts';
import { folderFor } from './service.ts';
import { until } from './until.ts';
import { sha256, videoOf } from './videos.ts';

const MIB = 1 << 20;
/** Sentinels that find that the machine stood still do nothing for half a minute, each time. */
const FAILOVER_MS = 150_000;

test('production: an upload that begins at one instance ends at another, through a failover of Redis', {
  timeout: 600_000,
}, async (t) => {
  const topology = await startTopology();
  t.after(() => topology.stop());
  const [first, second] = topology.services;
  if (!first || !second) throw new Error('there are two instances');
  const user = randomUUID();
  const [here, there] = [createClient(first, user), createClient(second, user)];
  const file = videoOf(12 * MIB, 21);

  const session = await here.session(file.length);
  const elsewhere = new URL(`${session.url.pathname}${session.url.search}`, second.url);
  // Half of it, and the connection breaks: what was sent is acknowledged.
  assert.equal(await patchRest(session.url, file.subarray(0, 6 * MIB), 0), 204);
  await replicated(topology.redis.master.port);
  // Not before it was seen what is answered without a Redis, however long that takes.
  await replaceAfter(topology.redis, FAILOVER_MS);
  await topology.redis.master.stop();
  assert.equal((await there.initiate(1000)).status, 503);
  for (const { url } of topology.services) {
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    const readiness = await fetch(`${url}/readyz`);
    assert.equal(readiness.status, 503);
    assert.deepEqual(await readiness.json(), { status: 'degraded' });
  }
  await replaceAfter(topology.redis, 1000);

  await until(
    'the replica took over',
    async () => (await fetch(`${second.url}/readyz`)).status === 200,
    FAILOVER_MS,
  );
  let offset: number | null = null;
  await until('the other instance answers', async () => {
    offset = await offsetOf(elsewhere).catch(() => null);
    return offset !== null;
  });
  assert.equal(offset, 6 * MIB);
  // A Redis that has just taken over may be away for a moment more: then a client is told to try again, as clients do.
  await until(
    'the other instance takes the rest',
    async () => {
      const at = await offsetOf(elsewhere).catch(() => null);
      if (at === null) return false;
      const status = await patchRest(elsewhere, file, at);
      if (status !== 204) assert.equal(status, 503);
      return status === 204;
    },
    FAILOVER_MS,
  );
  await until(
    'the other one found the replica too',
    async () => (await here.status(session.id)).status === 200,
    FAILOVER_MS,
  );
  const { body } = await here.status(session.id);
  assert.equal(body.status, 'completed');
  assert.equal(body.sha256, sha256(file));
  for (const client of [here, there]) {
    const quota = await client.quota();
    assert.deepEqual(
      { used: quota.quota_used, reserved: quota.quota_reserved },
      { used: file.length, reserved: 0 },
    );
  }
  assert.ok(first.running && second.running, first.output + second.output);
});

/** The Sentinels replace a master that is silent for so long, in milliseconds. */
async function replaceAfter({ sentinels, masterName }: RunningSentinels, ms: number): Promise<void> {
  for (const { port } of sentinels) {
    const sentinel = new Redis({ host: '127.0.0.1', port });
    try {
      await sentinel.call('SENTINEL', 'SET', masterName, 'down-after-milliseconds', ms);
    } finally {
      sentinel.disconnect();
    }
  }
}

/** The replica has all that was written: a failover loses nothing then. */
async function replicated(port: number): Promise<void> {
  const master = new Redis({ host: '127.0.0.1', port });
  try {
    await master.incr('e2e:last-write');
    assert.equal(await master.wait(1, 60_000), 1);
    await master.del('e2e:last-write');
    await master.wait(1, 60_000);
  } finally {
    master.disconnect();
  }
}

test('production: what the topology tells is enough for a command in a shell, and each instance has its log', {
  timeout: 600_000,
}, async (t) => {
  const logFolder = await folderFor(t);
  const topology = await startTopology({ instances: 1, logFolder });
  t.after(() => topology.stop());
  const log = await readFile(join(logFolder, 'instance-1.log'), 'utf8');
  assert.match(log, /"msg":"listening"/);
  const { PATH } = process.env;
  const doctor = `${exportLine(topology.env)}; "${process.execPath}" src/cli.mjs doctor --production`;
  const shell = spawn('sh', ['-c', doctor], { env: { PATH }, stdio: ['ignore', 'pipe', 'inherit'] });
  const said = await text(shell.stdout);
  for (const part of ['session_store', 'ledger', 'storage']) {
    assert.match(said, new RegExp(`^ok +${part} `, 'm'));
  }
  process.kill(topology.postgres.pid, 0);
});
