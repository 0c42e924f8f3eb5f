import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { answerTo, createClient, offsetOf, openPatch, patchRest, writeOut } from './client.ts';
import { type ServiceProcess, serviceFor, sharedRedis } from './service.ts';
import { until } from './until.ts';
import { sha256, videoOf } from './videos.ts';

const WORKERS = 2;
const DUTY = 'this worker sweeps';
const LISTENS = 'Server listening';

async function startWorkers(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const redis = sharedRedis();
  const service = await serviceFor(t, {
    env: { ...redis.env, WORKERS: String(WORKERS), LOG_LEVEL: 'info', ...env },
  });
  t.after(async () => {
    const connection = new Redis({ host: '127.0.0.1', port: redis.port });
    const keys = await connection.keys(`${redis.prefix}:*`);
    if (keys.length > 0) await connection.unlink(keys);
    connection.disconnect();
  });
  await until('all workers run', () => workersOf(service).length === WORKERS);
  const user = randomUUID();
  return { service, user, client: createClient(service, user) };
}

/** Process ids of the workers, as Linux tells them. */
function workersOf({ pid }: ServiceProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Dead, though its parent has not heard of it yet. */
function isDead(pid: number): boolean {
  return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** Process ids of those whose log has these words, in this order. */
function said({ output }: ServiceProcess, words: string): number[] {
  return output
    .split('\n')
    .filter((line) => line.includes(words))
    .map((line) => (JSON.parse(line) as { pid: number }).pid);
}

/** Process ids of those who were told to do what is done once for all, in this order. */
const onDuty = (service: ServiceProcess) => said(service, DUTY);

test('workers share one port: uploads end at any of them, whoever began them', async (t) => {
  const { service, client } = await startWorkers(t);
  const file = videoOf(3 << 20, 11);
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const session = await client.session(file.length);
      // Each piece comes on a connection of its own, to whichever worker.
      for (const end of [1 << 20, 2 << 20]) {
        const piece = openPatch(session.url, end - (1 << 20), 1 << 20);
        piece.end(file.subarray(end - (1 << 20), end));
        assert.equal((await answerTo(piece)).statusCode, 204);
      }
      assert.equal(await patchRest(session.url, file, 2 << 20), 204);
      assert.equal((await client.status(session.id)).body.sha256, sha256(file));
    }),
  );
  const quota = await client.quota();
  assert.equal(quota.quota_used, 8 * file.length);
  assert.equal(quota.quota_reserved, 0);
  await until('one is on duty', () => onDuty(service).length > 0);
  assert.equal(onDuty(service).length, 1);
});

test('a worker that dies is replaced, and another takes over what is done once for all', async (t) => {
  const { service, client } = await startWorkers(t, { UPLOAD_SESSION_TTL: '1' });
  await until('one is on duty', () => onDuty(service).length === 1);
  const [first = 0] = onDuty(service);
  assert.ok(workersOf(service).includes(first));
  process.kill(first, 'SIGKILL');
  await until('another is on duty', () => onDuty(service).length === 2);
  const [, second = 0] = onDuty(service);
  assert.notEqual(second, first);
  await until('there are as many as before, without the dead one', () => {
    const now = workersOf(service);
    return now.length === WORKERS && !now.includes(first);
  });
  assert.equal((await client.initiate(1000)).status, 201);
  await until('the session is swept', async () => (await client.quota()).quota_reserved === 0);

  // One that is not on duty leaves the duties where they are.
  const other = workersOf(service).find((pid) => pid !== second) ?? 0;
  process.kill(other, 'SIGKILL');
  await until('it is replaced', () => {
    const now = workersOf(service);
    return now.length === WORKERS && !now.includes(other);
  });
  assert.deepEqual(onDuty(service), [first, second]);
});

test('workers that are killed all at once, before their primary can see that any is, are replaced', async (t) => {
  const { service, client } = await startWorkers(t);
  for (let time = 0; time < 2; time += 1) {
    await until('all of them listen', () =>
      workersOf(service).every((pid) => said(service, LISTENS).includes(pid)),
    );
    const before = workersOf(service);
    // What the primary says to a worker that is dead already, and which it still takes for alive, cannot be delivered.
    process.kill(service.pid, 'SIGSTOP');
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await until('they are dead', () => before.every(isDead));
    process.kill(service.pid, 'SIGCONT');
    await until('all are replaced', () => {
      const now = workersOf(service);
      return now.length === WORKERS && !now.some((pid) => before.includes(pid));
    });
  }
  await until('they answer', async () => (await client.initiate(1000).catch(() => null))?.status === 201);
});

test('a worker that is killed in the middle of an upload: the upload goes on at its successor, and a new limit is in force at all', async (t) => {
  const { service, user, client } = await startWorkers(t);
  const file = videoOf(12 << 20, 13);
  const session = await client.session(file.length);
  const upload = openPatch(session.url, 0, file.length);
  const answer = answerTo(upload).catch(() => null);
  await writeOut(upload, file.subarray(0, 9 << 20));
  await until('bytes are acknowledged', async () => (await offsetOf(session.url)) > 0);
  const before = workersOf(service);
  // Whichever of them has it.
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await answer;
  await until('all are replaced', () => {
    const now = workersOf(service);
    return now.length === WORKERS && !now.some((pid) => before.includes(pid));
  });
  let offset = 0;
  await until('they answer', async () => {
    offset = await offsetOf(session.url).catch(() => 0);
    return offset > 0;
  });
  assert.equal(await patchRest(session.url, file, offset), 204);
  assert.equal((await client.status(session.id)).body.sha256, sha256(file));

  const url = `${service.url}/v1/admin/users/${user}/quota`;
  const token = service.token({ user: randomUUID(), permissions: ['manage_quota'] });
  const limit = file.length + 5000;
  const set = await fetch(url, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ quota_limit: limit }),
  });
  assert.equal(set.status, 200);
  // Each on a connection of its own, to whichever worker.
  for (let n = 0; n < 6; n += 1) assert.equal((await client.quota()).quota_limit, limit);
  assert.equal((await client.initiate(5001)).status, 429);
  assert.equal((await client.initiate(5000)).status, 201);
});

test('SIGTERM: all workers acknowledge what they have and end, the exit code is 0, and uploads go on later', async (t) => {
  const { service, client } = await startWorkers(t);
  const workers = workersOf(service);
  const file = videoOf(4 << 20, 12);
  const session = await client.session(file.length);
  const upload = openPatch(session.url, 0, file.length);
  const answer = answerTo(upload).catch(() => null);
  await writeOut(upload, file.subarray(0, 1 << 20));
  await until('a worker writes', async () => (await offsetOf(session.url)) > 0);
  await writeOut(upload, file.subarray(1 << 20, 3 << 20));
  assert.equal(await service.kill('SIGTERM'), 0, service.output);
  await answer;
  assert.deepEqual(workers.filter(isRunning), []);
  await service.restart();
  const offset = await offsetOf(session.url);
  assert.ok(offset >= 1 << 20, `${offset} bytes are acknowledged`);
  assert.equal(await patchRest(session.url, file, offset), 204);
  assert.equal((await client.status(session.id)).body.sha256, sha256(file));
});

test('a primary that is killed leaves no worker behind', async (t) => {
  const { service } = await startWorkers(t);
  const workers = workersOf(service);
  await service.kill('SIGKILL');
  await until('they end', () => !workers.some(isRunning));
});

test('what keeps the first worker from starting is said once, and no other is tried', async (t) => {
  const { service } = await startWorkers(t);
  const port = new URL(service.url).port;
  const redis = sharedRedis();
  const second = serviceFor(t, { env: { ...redis.env, WORKERS: '4', PORT: port } });
  await assert.rejects(second, (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /^The service ended \(69\)/);
    assert.equal(error.message.match(/is taken/g)?.length, 1);
    return true;
  });
});
