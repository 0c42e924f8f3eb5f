import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { type Command, exitCodeOf } from '../../src/cli/command.ts';
import { doctor } from '../../src/cli/doctor.ts';
import { quota } from '../../src/cli/quota.ts';
import { sweep } from '../../src/cli/sweep.ts';
import { token } from '../../src/cli/token.ts';
import { readDuration, readSize } from '../../src/cli/units.ts';
import { P } from '../helpers/app.ts';
import { run, serve, tempFolder } from './run-cli.ts';

test('the commands that serve prints upload a video when they are pasted into a shell', async (t) => {
  const DATA_DIR = await tempFolder(t);
  const { child, greeting } = await serve(t, { DATA_DIR });
  const [initiate, upload] = [/^UPLOAD_URL=[\s\S]*?\\1\/p'\)$/m, /^curl -sS -T .*$/m].map(
    (pattern) => pattern.exec(greeting)?.[0] ?? '',
  );
  const shell = spawn('sh', ['-ec', `${initiate}\n${upload}`], { env: { PATH: process.env.PATH }, cwd: '/' });
  const session = JSON.parse(await text(shell.stdout));
  assert.equal(session.status, 'completed');
  assert.deepEqual(await readdir(join(DATA_DIR, 'uploads')), [`${session.session_id}.mp4`]);

  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'close'), [0, null]);
});

test('a second embedded service in the same folder, or on a taken port, says so and ends with 69', async (t) => {
  const DATA_DIR = await tempFolder(t);
  await serve(t, { DATA_DIR });
  const second = await run(['serve', '--embedded'], { DATA_DIR, PORT: '0' });
  assert.equal(second.code, 69);
  assert.match(second.err, /Another Sluice is at work/);

  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const address = taken.address();
  const PORT = String(typeof address === 'object' ? address?.port : 0);
  const third = await run(['serve', '--embedded'], { DATA_DIR: await tempFolder(t), PORT });
  assert.equal(third.code, 69);
  assert.match(third.err, new RegExp(`Port ${PORT} on 127.0.0.1 is taken`));
  assert.doesNotMatch(third.err, /at .*\.ts/);
});

test('production without its configuration ends with 78 and lists all that is missing', async () => {
  const { code, out, err } = await run(['serve'], {});
  assert.equal(code, 78);
  assert.equal(out, '');
  for (const name of ['SECRET_KEY', 'DATABASE_URL', 'S3_BUCKET_NAME']) assert.match(err, new RegExp(name));
});

test('a token that the command signs is taken, with its permissions and no others', async (t) => {
  const DATA_DIR = await tempFolder(t);
  const { greeting } = await serve(t, { DATA_DIR });
  const url = /listens on (\S+)/.exec(greeting)?.[1] ?? '';
  const user = randomUUID();
  const plain = await run(['token', '--user', user.toUpperCase(), '--ttl', '15m', '--json'], { DATA_DIR });
  const { token: signed, expires_at, permissions } = JSON.parse(plain.out);
  assert.deepEqual(permissions, ['upload_files', 'create_sessions']);
  assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 900_000) < 60_000);

  const admin = await run(['token', '--user', user, '--permissions', 'manage_quota'], { DATA_DIR });
  const status = async (bearer: string) =>
    (
      await fetch(`${url}/v1/admin/users/${user}/quota`, {
        headers: { authorization: `Bearer ${bearer.trim()}` },
      })
    ).status;
  assert.equal(await status(signed), 403);
  assert.equal(await status(admin.out), 200);
});

test('quota set is seen by the service that runs beside it', async (t) => {
  const DATA_DIR = await tempFolder(t);
  const { greeting } = await serve(t, { DATA_DIR });
  const url = /listens on (\S+)/.exec(greeting)?.[1] ?? '';
  const user = randomUUID();
  const { out: signed } = await run(['token', '--user', user], { DATA_DIR });
  const limit = async () => {
    const headers = { authorization: `Bearer ${signed.trim()}` };
    const quota: unknown = await (await fetch(`${url}${P}/quota`, { headers })).json();
    return quota;
  };
  assert.partialDeepStrictEqual(await limit(), { quota_limit: 10_737_418_240 });

  const set = await run(['quota', 'set', '--user', user, '--limit', '2GiB', '--json'], { DATA_DIR });
  assert.equal(set.code, 0, set.err);
  assert.equal(JSON.parse(set.out).quota_limit, 2 * 1024 ** 3);
  assert.partialDeepStrictEqual(await limit(), { quota_limit: 2 * 1024 ** 3 });
  assert.match((await run(['quota', 'get', '--user', user], { DATA_DIR })).out, /limit +2147483648 bytes/);
  assert.match(
    (await run(['sweep'], { DATA_DIR })).out,
    /^Cleaned 0 sessions, removed 0 abandoned uploads\./,
  );

  // In the unit that --limit takes.
  const { out } = await run(['quota', 'get', '--user', user], { DATA_DIR });
  assert.match(out, /^limit +2147483648 bytes \(2 GiB\)$/m);
});

test('doctor says what is well, what is not, and what to do', async (t) => {
  const DATA_DIR = await tempFolder(t);
  const well = await run(['doctor', '--json'], { DATA_DIR });
  assert.equal(well.code, 0, well.out);
  assert.equal(JSON.parse(well.out).ok, true);

  const away = await run(['doctor', '--json'], { DATA_DIR, REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' });
  assert.equal(away.code, 1);
  const bad = JSON.parse(away.out).findings.filter((finding: { ok: boolean }) => !finding.ok);
  assert.equal(bad.length, 1);
  assert.equal(bad[0].check, 'session_store');
  assert.match(bad[0].advice, /start Redis at 127.0.0.1:1/);

  const faulty = await run(['doctor'], { DATA_DIR, PORT: 'x', USE_S3: 'maybe' });
  assert.equal(faulty.code, 78);
  assert.match(faulty.out, /PORT/);
  assert.match(faulty.out, /USE_S3/);
});

test('a command line that cannot be understood is 2, help is 0', async (t) => {
  const DATA_DIR = await tempFolder(t);
  const bad = [['nope'], ['token', '--user', 'alice'], ['quota', 'get', '--bogus']];
  const ended = await Promise.all(bad.map((args) => run(args, { DATA_DIR })));
  for (const [index, { code, err }] of ended.entries()) {
    assert.equal(code, 2, `${bad[index]}: ${err}`);
    assert.doesNotMatch(err, /at .*\.ts/);
  }
  const { code, out } = await run(['token', '--help'], {});
  assert.equal(code, 0);
  assert.match(out, /^Usage: sluice token[\s\S]*Exit codes/);
});

test('every command refuses options that contradict each other or are not what they should be', async () => {
  const user = randomUUID();
  const bad: readonly (readonly [Command, readonly string[]])[] = [
    [token, []],
    [token, ['--user', user, '--ttl', 'soon']],
    [token, ['--user', user, '--ttl', '0']],
    [token, ['--user', user, '--permissions', 'everything']],
    [quota, ['--user', user]],
    [quota, ['get']],
    [quota, ['get', '--user', user, '--reset']],
    [quota, ['set', '--user', user]],
    [quota, ['set', '--user', user, '--limit', '10GB']],
    [quota, ['set', '--user', user, '--limit', '-1']],
    [sweep, ['--bogus']],
    [doctor, ['--embedded', '--production']],
  ];
  for (const [command, args] of bad) {
    await assert.rejects(command.run(args), (error) => exitCodeOf(error) === 2, args.join(' '));
  }
});

test('times and sizes are read in their units', () => {
  const times: Record<string, number> = { '90': 90, '90s': 90, '15m': 900, '12h': 43_200, '7d': 604_800 };
  for (const [written, seconds] of Object.entries(times))
    assert.equal(readDuration('--ttl', written), seconds);
  const sizes: Record<string, number> = {
    '0': 0,
    '1048576': 2 ** 20,
    '500MiB': 500 * 2 ** 20,
    '2TiB': 2 ** 41,
  };
  for (const [written, bytes] of Object.entries(sizes)) assert.equal(readSize('--limit', written), bytes);
});
