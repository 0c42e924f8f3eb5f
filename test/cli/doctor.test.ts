import assert from 'node:assert/strict';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { startRedis } from '../../scripts/lib/servers/redis.ts';
import { loadConfig } from '../../src/config.ts';
import { openLedger } from '../../src/main/open-stores.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { type Environment, run, serve, tempFolder } from './run-cli.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly level: string;
  readonly message: string;
  readonly advice?: string;
}

async function examine(env: Environment): Promise<{ code: number | null; findings: readonly Finding[] }> {
  const { code, out } = await run(['doctor', '--json'], env);
  return { code, findings: JSON.parse(out).findings };
}

/** What it says of one thing. */
function about(findings: readonly Finding[], check: string): readonly string[] {
  return findings.filter((one) => one.check === check).map(({ level }) => level);
}

const REDIS = { REDIS_HOST: '127.0.0.1', REDIS_PORT: process.env.SLUICE_TEST_REDIS_PORT ?? '' };

test('whatever is not well comes with advice, and advice alone does not fail', async (t) => {
  const DATA_DIR = await tempFolder(t);
  await chmod(DATA_DIR, 0o755);
  const { code, findings } = await examine({
    ...{ ...REDIS, DATA_DIR, REDIS_KEY_PREFIX: 'test_doctor' },
    PUBLIC_URL: 'http://uploads.example.org',
    WEBHOOK_URL: 'http://hooks.example.org/',
    WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
  });
  assert.equal(code, 0);
  for (const check of ['public address', 'webhook', 'encryption', 'data folder']) {
    assert.deepEqual(about(findings, check), ['advice'], check);
  }
  for (const { check, level, advice } of findings) {
    assert.equal(level === 'ok', advice === undefined, check);
  }
});

test('a mistyped name is advice of doctor, and a warning where the service starts', async (t) => {
  const env = { DATA_DIR: await tempFolder(t), REDIS_HOSTT: 'a' };
  const told = 'REDIS_HOSTT is not known; did you mean REDIS_HOST?';
  const { code, findings } = await examine(env);
  assert.equal(code, 0);
  assert.deepEqual(
    findings.filter(({ message }) => message === told).map(({ level }) => level),
    ['advice'],
  );

  const { child } = await serve(t, env);
  child.kill('SIGTERM');
  const lines = (await text(child.stderr ?? Readable.from([]))).trim().split('\n');
  assert.deepEqual(
    lines
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === told)
      .map(({ level }) => level),
    [40],
  );
});

test('a Redis that may forget sessions is found out', async (t) => {
  const redis = new Redis({ port: Number(REDIS.REDIS_PORT) });
  const [, before = ''] = (await redis.config('GET', 'maxmemory-policy')) as string[];
  t.after(async () => {
    await redis.config('SET', 'maxmemory-policy', before);
    redis.disconnect();
  });
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const env = { ...REDIS, DATA_DIR: await tempFolder(t), REDIS_KEY_PREFIX: 'test_doctor' };
  assert.deepEqual(about((await examine(env)).findings, 'redis memory'), ['advice']);
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  assert.deepEqual(about((await examine(env)).findings, 'redis memory'), []);
});

test('a Redis that is full or a replica is bad, one that is nearly full is told of, each with what to do', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const redis = new Redis({ port: server.port });
  t.after(() => redis.disconnect());
  const env = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(server.port), DATA_DIR: await tempFolder(t) };
  const found = async (check: string) => {
    const { code, findings } = await examine(env);
    const [one] = findings.filter((finding) => finding.check === check);
    return { code, said: `${one?.level}: ${one?.message} -> ${one?.advice}` };
  };

  // Much, so that what connections take does not count beside it.
  await redis.setrange('filler', 20 << 20, '.');
  const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(Math.round(used * 1.05)));
  const nearly = await found('redis memory');
  assert.equal(nearly.code, 0);
  assert.match(nearly.said, /^advice: 9\d % of its maxmemory is used.* -> raise "maxmemory"/);

  await redis.config('SET', 'maxmemory', String(10 << 20));
  const full = await found('session_store');
  assert.equal(full.code, 1);
  assert.match(full.said, /^bad: .*\(OOM .* -> Redis is full: raise its "maxmemory"/);

  await redis.config('SET', 'maxmemory', '0');
  await redis.replicaof('127.0.0.1', 1);
  const replica = await found('session_store');
  assert.equal(replica.code, 1);
  assert.match(replica.said, /^bad: .*\(READONLY .* -> this Redis is a replica/);
});

for (const [what, env, advice] of [
  ['one server', { REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' }, /REDIS_HOST, REDIS_PORT and REDIS_PASSWORD/],
  ['a server by its name', { REDIS_HOST: 'localhost', REDIS_PORT: '1' }, /REDIS_HOST, REDIS_PORT/],
  [
    'Sentinels',
    { REDIS_SENTINELS: '127.0.0.1:1', REDIS_SENTINEL_MASTER: 'mymaster' },
    /or set REDIS_SENTINELS and REDIS_SENTINEL_MASTER/,
  ],
  ['a Cluster', { REDIS_CLUSTER_NODES: '127.0.0.1:1' }, /or set REDIS_CLUSTER_NODES/],
] as const) {
  test(`a Redis that is away is told of with its reason, and the variables of ${what}`, async (t) => {
    const { code, findings } = await examine({ DATA_DIR: await tempFolder(t), ...env });
    assert.equal(code, 1);
    const [found] = findings.filter(({ check }) => check === 'session_store');
    assert.match(
      found?.message ?? '',
      /\((connect ECONNREFUSED|no Sentinel gives a master|Connection is closed)/,
    );
    assert.doesNotMatch(found?.message ?? '', /enableOfflineQueue/);
    assert.match(found?.advice ?? '', advice);
  });
}

test('a PostgreSQL that only reads is bad', async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const name = new URL(database.url).pathname.slice(1);
  await database.query(`alter database ${name} set default_transaction_read_only = on`);
  const { code, out } = await run(['doctor', '--embedded'], {
    DATA_DIR: await tempFolder(t),
    DATABASE_URL: database.url,
  });
  assert.equal(code, 1);
  assert.match(out, /BAD {2}ledger .*PostgreSQL is read-only.*\n {5}-> name the primary in DATABASE_URL/);
});

test('folders that are not there are normal before the first start and bad afterwards, and none is made', async (t) => {
  const disk = await tempFolder(t);
  const env = {
    DATA_DIR: await tempFolder(t),
    LOCAL_UPLOAD_FOLDER: join(disk, 'uploads'),
    LOCAL_TEMP_FOLDER: join(disk, 'temp'),
  };
  const before = await examine(env);
  assert.equal(before.code, 0);
  assert.deepEqual(about(before.findings, 'storage'), ['advice']);
  assert.deepEqual(about(before.findings, 'file system'), ['ok']);
  assert.equal(about(before.findings, 'free space').length, 1);
  assert.deepEqual(await readdir(disk), []);

  // Somebody is known: the service was at work, and its disk is away.
  const user = '00000000-0000-4000-8000-000000000007';
  assert.equal((await run(['quota', 'set', '--user', user, '--limit', '1GiB'], env)).code, 0);
  const away = await examine(env);
  assert.equal(away.code, 1);
  const [storage] = away.findings.filter(({ check }) => check === 'storage');
  assert.equal(storage?.level, 'bad');
  assert.equal(storage.message, `${join(disk, 'uploads')} and ${join(disk, 'temp')} are not there`);
  assert.match(storage.advice ?? '', /^mount the disk/);
  assert.deepEqual(await readdir(disk), []);

  await mkdir(join(disk, 'uploads'));
  await mkdir(join(disk, 'temp'));
  assert.deepEqual(about((await examine(env)).findings, 'storage'), ['ok']);
});

test('events that were given up are told of, with the way to deliver them', async (t) => {
  const DATA_DIR = await tempFolder(t);
  const env = { DATA_DIR };
  assert.deepEqual(about((await examine(env)).findings, 'events'), ['ok']);
  const loaded = loadConfig(env, 'embedded');
  assert.ok(loaded.ok);
  const ledger = await openLedger(loaded.config, pino({ level: 'silent' }));
  await ledger.record({ id: 'e1', kind: 'upload.failed', subject: 's', payload: '{}' });
  for (const event of await ledger.outbox.claim(1, 1000)) {
    await ledger.outbox.failed(event, 'the receiver answered 500', null);
  }
  await ledger.close();
  const { code, findings } = await examine(env);
  assert.equal(code, 0);
  const [dead] = findings.filter(({ check }) => check === 'events');
  assert.match(dead?.message ?? '', /answered 500/);
  assert.match(dead?.advice ?? '', /events replay --dead/);
});

test('a ledger that is away is bad, and the port it would be at is in the advice', async (t) => {
  const DATA_DIR = join(await tempFolder(t), 'data');
  const DATABASE_URL = 'postgres://sluice:secret-word@127.0.0.1:1/sluice';
  const { code, out } = await run(['doctor', '--embedded'], { DATA_DIR, DATABASE_URL });
  assert.equal(code, 1);
  assert.match(out, /BAD {2}ledger[\s\S]*-> start PostgreSQL, or mend DATABASE_URL/);
  assert.doesNotMatch(out, /secret-word/);
});
