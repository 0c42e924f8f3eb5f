import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  answerTo,
  createClient,
  offsetOf,
  openPatch,
  patchRest,
  type StartedSession,
} from '../e2e/client.ts';
import { type ServiceProcess, serviceFor, sharedRedis } from '../e2e/service.ts';
import { filesOfSession, sha256OfFile } from '../e2e/stored-files.ts';
import { until } from '../e2e/until.ts';
import { createRandom, sha256, videoOf } from '../e2e/videos.ts';
import { connectedRedis } from '../helpers/redis.ts';
import { CRASH_POINTS, type CrashPoint } from './crash-points.ts';
import { faultRow, LONG, SEED } from './fault-row.ts';
import { judgeLedger, partialFiles, realStores } from './real-stores.ts';

const CRASHING = fileURLToPath(new URL('crashing-service.ts', import.meta.url));
const ROUNDS = LONG ? 41 : 2;

test('kill -9 of the service at each named point: nothing lost, nothing doubled, all resumed', {
  timeout: 2_400_000,
}, async (t) => {
  const row = {
    fault: `kill -9 of the service at ${CRASH_POINTS.length} named points`,
    checked: 'B, C, D, F',
  };
  await faultRow(t, row, async (figures) => {
    const stores = await realStores(t);
    const { port, prefix, env: redisEnv } = sharedRedis();
    const crashFile = join(stores.dataDir, 'crash-at');
    const service = await serviceFor(t, {
      dataDir: stores.dataDir,
      env: { ...stores.env, ...redisEnv, SLUICE_CRASH_AT: crashFile, UPLOAD_DEFAULT_QUOTA: '1000000000000' },
      wrap: ([node = '', ...rest]) => [node, ...rest.filter((arg) => arg.startsWith('--max')), CRASHING],
    });
    const user = randomUUID();
    const client = createClient(service, user);
    const random = createRandom(SEED);
    const resumedAfter: number[] = [];
    const completed: string[] = [];
    let bytes = 0;

    for (let loop = 0; loop < ROUNDS * CRASH_POINTS.length; loop += 1) {
      const point = CRASH_POINTS[loop % CRASH_POINTS.length] ?? assert.fail();
      const name = `seed ${SEED}, loop ${loop}, ${point}`;
      const file = videoOf(9_000_000 + Math.floor(random() * 3_000_000), SEED + loop);
      const arm = () => writeFileSync(crashFile, point);

      const session = await runInto(service, user, point, arm, file);
      await until(`${name}: it is dead`, () => !service.running);
      assert(!existsSync(crashFile), `${name}: it died elsewhere`);
      const diedAt = performance.now();
      await service.restart();
      const resumed = await session();
      const offset = await offsetOf(resumed.url);
      resumedAfter.push(performance.now() - diedAt);
      const { body: before } = await client.status(resumed.id);
      if (before.status !== 'completed') assert.equal(await patchRest(resumed.url, file, offset), 204, name);

      const { body } = await client.status(resumed.id);
      assert.equal(body.status, 'completed', name);
      const files = filesOfSession(stores.dataDir, resumed.id);
      assert.equal(files.length, 1, `${name}: ${files}`);
      assert.equal(await sha256OfFile(files[0] ?? ''), sha256(file), name);
      bytes += file.length;
      completed.push(resumed.id);
      const { quota_used, quota_reserved } = await client.quota();
      assert.deepEqual({ quota_used, quota_reserved }, { quota_used: bytes, quota_reserved: 0 }, name);
      figures.kills = loop + 1;
    }

    const verdict = await judgeLedger(stores.database, completed);
    resumedAfter.sort((a, b) => a - b);
    const at = (share: number) => Math.round(resumedAfter[Math.floor(resumedAfter.length * share)] ?? 0);
    Object.assign(figures, {
      lost: verdict.lost,
      doubled: verdict.settled - completed.length + verdict.miscounted,
      'event faults': verdict.eventFaults,
      'partial files': (await partialFiles(stores.dataDir)).length,
      'keys without TTL': await foreverKeys(port, prefix),
      'resumed after (median, incl. start)': `${at(0.5)} ms`,
      longest: `${Math.round(resumedAfter.at(-1) ?? 0)} ms`,
    });
    for (const zero of ['lost', 'doubled', 'event faults', 'partial files', 'keys without TTL']) {
      assert.equal(figures[zero], 0, zero);
    }
  });
});

/** Runs into the armed point. Gives what a client does to find its session again. */
async function runInto(
  service: ServiceProcess,
  user: string,
  point: CrashPoint,
  arm: () => void,
  file: Buffer,
): Promise<() => Promise<StartedSession>> {
  const idempotency = `key-${randomUUID()}`;
  const initiate = async () => {
    const answer = await fetch(`${service.url}/v1/dashboard/upload/initiate`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${service.token({ user })}`,
        'content-type': 'application/json',
        'idempotency-key': idempotency,
      },
      body: JSON.stringify({
        dashboard_context: { source_section: 'faults', workflow_type: 'single_upload' },
        expected_file_size: file.length,
      }),
    });
    const body = (await answer.json()) as Record<string, unknown>;
    assert([200, 201].includes(answer.status), JSON.stringify(body));
    return { id: String(body.session_id), url: new URL(String(body.upload_url), service.url) };
  };
  if (point === 'after admit') {
    arm();
    await assert.rejects(initiate());
    return initiate;
  }
  const session = await initiate();
  arm();
  const request = openPatch(session.url, 0, file.length);
  request.end(file);
  await assert.rejects(answerTo(request));
  return async () => session;
}

async function foreverKeys(port: number, prefix: string): Promise<number> {
  const redis = await connectedRedis(port);
  const keys = await redis.keys(`${prefix}:*`);
  const left = await Promise.all(keys.map((key) => redis.pttl(key)));
  if (keys.length > 0) await redis.unlink(keys);
  redis.disconnect();
  return left.filter((ms) => ms === -1).length;
}
