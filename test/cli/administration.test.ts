import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PLACES, startAdminApp } from '../http/admin-app.ts';
import { auditLines, type Environment, run, tempFolder } from './run-cli.ts';

/** A service with users, and what a command beside it needs to find the same stores. */
async function workplace(t: TestContext, place: (typeof PLACES)[number]) {
  const app = await startAdminApp(t, place);
  return { app, env: app.commandEnv, folder: await tempFolder(t) };
}

/** The profile of the service beside it, though a database is named. */
function embedded(args: readonly string[], env: Environment, input?: string) {
  return run([...args, '--embedded'], env, input);
}

for (const place of PLACES) {
  test(`${place}: "quota import" sets limits beside the running service, at once, each with an audit line`, async (t) => {
    const { app, env, folder } = await workplace(t, place);
    const [one, two, stranger] = [await app.user(5), await app.user(6), randomUUID()];
    await app.open(one, 100);
    const file = join(folder, 'limits.csv');
    await writeFile(file, `user_id,quota_limit\n${one},150\n${two},default\n${stranger},1GiB\n`);

    const dry = await embedded(['quota', 'import', file, '--dry-run'], env);
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, new RegExp(`line 2  ${one}  would change  default -> 150`));
    assert.match(dry.out, /never seen before[\s\S]*2 would be changed, 1 as they were\./);
    assert.deepEqual(auditLines(dry), []);

    const done = await embedded(['quota', 'import', '-', '--json'], env, await readFile(file, 'utf8'));
    assert.equal(done.code, 0, done.err);
    const [line, , , summary] = done.out
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    assert.partialDeepStrictEqual(line, { line: 2, user_id: one, result: 'changed', quota_limit: 150 });
    assert.deepEqual(summary, { dry_run: false, changed: 2, unchanged: 1, failed: 0, not_tried: 0 });
    assert.equal((await app.admin(`/users/${one}/quota`)).body.quota_limit, 150);
    assert.deepEqual(
      auditLines(done).map(({ event, quota_limit }) => [event, quota_limit]),
      [
        ['quota.changed', 150],
        ['quota.changed', 2 ** 30],
      ],
    );
    assert.match(String(auditLines(done)[0]?.by), /^cli:\w+/);
    assert.equal(done.err.includes(one), false, 'users stand in audit lines under a pseudonym');
    assert.match((await embedded(['quota', 'import', file], env)).out, /^0 changed, 3 as they were\.\n$/);
  });
}

for (const place of ['redis and postgresql'] as const) {
  test(`${place}: users are listed and exported by commands`, async (t) => {
    const { app, env, folder } = await workplace(t, place);
    const [low, high] = [await app.user(1), await app.user(2 ** 30)];
    const list = await embedded(['users', 'list', '--limit', '1'], env);
    assert.equal(list.code, 0, list.err);
    assert.match(list.out, new RegExp(`^${high} +10.00 %  1073741824 of 10737418240 \\(default\\)\n`));
    const [, after = ''] = /--after (\S+)/.exec(list.out) ?? [];
    const rest = await embedded(['users', 'list', '--after', after, '--json'], env);
    assert.deepEqual(
      JSON.parse(rest.out).users.map(({ user_id }: { user_id: string }) => user_id),
      [low],
    );

    const output = join(folder, 'usage.csv');
    const written = await embedded(['users', 'export', '--output', output], env);
    assert.equal(written.code, 0, written.err);
    assert.equal((await readFile(output, 'utf8')).split('\r\n').length, 4);
    assert.equal((await stat(output)).mode & 0o777, 0o600);
    assert.equal(auditLines(written)[0]?.event, 'usage.exported');
    const [again, lines, json, both] = await Promise.all([
      embedded(['users', 'export', '--output', output], env),
      embedded(['users', 'export', '--format', 'jsonl'], env),
      embedded(['users', 'export', '--json'], env),
      embedded(['users', 'export', '--json', '--format', 'csv'], env),
    ]);
    assert.equal(json.out, lines.out);
    assert.equal(both.code, 2);
    assert.match(both.err, /--json and --format csv contradict each other/);
    assert.equal(again.code, 1);
    assert.match(again.err, /cannot be written \(EEXIST\)/);
    assert.deepEqual(
      lines.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).user_id),
      [low, high].sort(),
    );
  });

  test(`${place}: sessions are listed and cancelled by commands, each with an audit line`, async (t) => {
    const { app, env } = await workplace(t, place);
    const [a, b] = [randomUUID(), randomUUID()];
    const [first, second, third] = [await app.open(a, 10), await app.open(a, 20), await app.open(b, 30)];
    const list = await embedded(['sessions', 'list', '--user', a, '--json'], env);
    assert.deepEqual(
      JSON.parse(list.out).sessions.map(({ session_id }: { session_id: string }) => session_id),
      [second, first],
    );
    assert.match(
      (await embedded(['sessions', 'list', '--created-before', '1h'], env)).out,
      /^There are no live/,
    );

    const dry = await embedded(['sessions', 'cancel', '--all', '--dry-run', '--json'], env);
    assert.equal(JSON.parse(dry.out).sessions.length, 3);
    const shown = await embedded(['sessions', 'show', first, '--json'], env);
    assert.partialDeepStrictEqual(JSON.parse(shown.out), { session_id: first, user_id: a, status: 'active' });
    const none = await embedded(['sessions', 'show', randomUUID()], env);
    assert.deepEqual([none.code, none.out], [1, '']);
    assert.match(none.err, /There is no session/);
    const one = await embedded(['sessions', 'cancel', first], env);
    assert.equal(one.out, `${first}  of ${a}  cancelled\n`);
    assert.deepEqual(
      auditLines(one).map(({ event, session_id }) => [event, session_id]),
      [
        ['session.cancelled', first],
        ['session.cancelled_by_administrator', first],
      ],
    );
    const after = await embedded(['sessions', 'show', first], env);
    assert.match(after.out, /^status +cancelled$/m);
    assert.match(after.out, /^reserved_bytes +0$/m);
    const all = await embedded(['sessions', 'cancel', '--all', '--without-bytes', '--json'], env);
    assert.equal(all.code, 0, all.err);
    assert.equal(JSON.parse(all.out).cancelled, 2);
    assert.deepEqual((await app.admin('/sessions')).body.sessions, []);
    const late = await embedded(['sessions', 'cancel', third, randomUUID()], env);
    assert.equal(late.code, 1);
    assert.match(late.out, /ended[\s\S]*not found/);
  });
}

test('"quota set" writes an audit line, and takes a limit away again', async (t) => {
  const env = { DATA_DIR: await tempFolder(t) };
  const user = randomUUID();
  const set = await run(['quota', 'set', '--user', user, '--limit', '1GiB', '--reset'], env);
  assert.deepEqual(
    auditLines(set).map(({ event, quota_limit, reset }) => [event, quota_limit, reset]),
    [
      ['quota.changed', 2 ** 30, undefined],
      ['quota.changed', undefined, true],
    ],
  );
  const released = await run(['quota', 'set', '--user', user, '--limit', 'default', '--json'], env);
  assert.equal(JSON.parse(released.out).quota_limit, 10 * 2 ** 30);
  assert.equal(auditLines(released)[0]?.quota_limit, null);
  assert.deepEqual(auditLines(await run(['quota', 'get', '--user', user], env)), []);
});

test('a file with faults changes nothing, and the command says which lines to mend', async (t) => {
  const folder = await tempFolder(t);
  const env: Environment = { DATA_DIR: join(folder, 'data') };
  const file = join(folder, 'limits.csv');
  const good = randomUUID();
  await writeFile(file, `user_id,quota_limit\n${good},1\nnobody,2\n${good},3\n`);
  const { code, out, err } = await run(['quota', 'import', file], env);
  assert.equal(code, 1, err);
  assert.match(
    out,
    /Nothing was changed[\s\S]*line 3: user_id must be[\s\S]*line 4: the user stands in line 2/,
  );
  const json = JSON.parse((await run(['quota', 'import', file, '--json'], env)).out);
  assert.deepEqual([json.ok, json.count], [false, 2]);

  await writeFile(file, Buffer.from([0x75, 0xff]));
  assert.match((await run(['quota', 'import', file], env)).err, /must be UTF-8/);
  await writeFile(file, 'x'.repeat(9 << 20));
  assert.match((await run(['quota', 'import', file], env)).err, /larger than/);
  const missing = await run(['quota', 'import', join(folder, 'none.csv')], env);
  assert.deepEqual([missing.code, /cannot be read \(ENOENT\)/.test(missing.err)], [1, true]);
});

test('where a store is away in the middle of a file, what is missing is done by calling it again', async (t) => {
  const folder = await tempFolder(t);
  const env = { DATA_DIR: folder, REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' };
  const { code, out, err } = await run(
    ['quota', 'import', '-', '--json'],
    env,
    `user_id,quota_limit\n${randomUUID()},1\n${randomUUID()},2\n`,
  );
  assert.equal(code, 69, err);
  const summary = JSON.parse(out.trim().split('\n').at(-1) ?? '');
  assert.equal(summary.changed, 0);
  assert.equal(summary.failed + summary.not_tried, 2);
});
