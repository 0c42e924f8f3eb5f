import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { initiateBody, P, startApp } from '../helpers/app.ts';
import { type AdminApp, PLACES, startAdminApp } from './admin-app.ts';

const GIB = 1024 ** 3;
const DEFAULT = 10 * GIB;

function send(app: AdminApp, lines: readonly string[], query = '') {
  return app.admin(`/quotas${query}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: ['user_id,quota_limit', ...lines].join('\n'),
  });
}

for (const place of PLACES) {
  test(`${place}: limits from CSV are set, reported line by line, and set once`, async (t) => {
    const app = await startAdminApp(t, place);
    const [known, kept, stranger, released] = [
      await app.user(7),
      await app.user(0),
      randomUUID(),
      randomUUID(),
    ];
    await app.admin(`/users/${kept}/quota`, { method: 'PUT', json: { quota_limit: 5 } });
    await app.admin(`/users/${released}/quota`, { method: 'PUT', json: { quota_limit: 6 } });
    const lines = [`${known.toUpperCase()},2GiB`, `${kept},5`, `${stranger},0`, `${released},default`];

    const dry = await send(app, lines, '?dry_run=true');
    assert.equal(dry.status, 200);
    assert.partialDeepStrictEqual(dry.body, { dry_run: true, changed: 3, unchanged: 1 });
    assert.deepEqual(await limits(app, [known, kept, released]), [DEFAULT, 5, 6]);

    const done = await send(app, lines);
    assert.deepEqual({ ...dry.body, dry_run: false }, done.body, 'a dry run tells what will be');
    assert.deepEqual(done.body.lines, [
      line(2, known, 'changed', 2 * GIB, null),
      line(3, kept, 'unchanged', 5, 5),
      { ...line(4, stranger, 'changed', 0, null), known_user: false },
      line(5, released, 'changed', null, 6),
    ]);
    assert.deepEqual(await limits(app, [known, kept, stranger, released]), [2 * GIB, 5, 0, DEFAULT]);

    const again = await send(app, lines);
    assert.partialDeepStrictEqual(again.body, { changed: 0, unchanged: 4, failed: 0, not_tried: 0 });
  });

  test(`${place}: of a file with faults nothing is done, and every fault is told with its line`, async (t) => {
    const app = await startAdminApp(t, place);
    const [good, twice] = [await app.user(0), randomUUID()];
    const { status, body } = await send(app, [
      `${good},1GiB`,
      'nobody,1GiB',
      `${twice},1.5GiB`,
      `${twice},`,
      '',
      `${randomUUID()},1,2`,
      `${randomUUID()},-1`,
      `${randomUUID()},9007199254740992`,
    ]);
    assert.equal(status, 400);
    assert.deepEqual(
      body.details.errors.map(({ path }: { path: string }) => path),
      ['line/3', 'line/4', 'line/5', 'line/5', 'line/7', 'line/8', 'line/9'],
    );
    assert.deepEqual(await limits(app, [good]), [DEFAULT]);
  });
}

test('a limit set in bulk is in force on every instance before the answer is there', async (t) => {
  const app = await startAdminApp(t, 'redis and postgresql');
  const users: string[] = [];
  // Not all at once: each has two seconds, and a slow machine has as many to make.
  while (users.length < 300)
    users.push(...(await Promise.all(Array.from({ length: 10 }, () => app.user(0)))));
  // Each account is known in Redis, with the default limit.
  const [first = '', last = ''] = [users[0], users[299]];
  for (const userId of [first, last]) await app.open(userId, 100);
  const { body } = await send(
    app,
    users.map((userId) => `${userId},150`),
  );
  assert.equal(body.changed, 300);
  const { redisPrefix, databaseUrl } = app;
  const other = await startApp(t, { store: 'redis', redisPrefix, env: { DATABASE_URL: databaseUrl } });
  for (const userId of [first, last]) {
    const token = await app.tokenOf(userId);
    const json = initiateBody({ expected_file_size: 100 });
    const refused = await other.call(`${P}/initiate`, { token, json });
    assert.partialDeepStrictEqual(refused.body, {
      error_code: 'QUOTA_EXCEEDED',
      details: { quota_limit: 150 },
    });
  }
});

test('what an earlier try wrote to the ledger alone is brought to the sessions by the next', async (t) => {
  const app = await startAdminApp(t, 'redis and postgresql');
  const user = await app.user(0);
  assert.deepEqual(await limits(app, [user]), [DEFAULT]);
  await app.service.stores.ledger.setLimit(user, 150);
  assert.deepEqual(await limits(app, [user]), [DEFAULT], 'the sessions have not heard of it');
  const { body } = await send(app, [`${user},150`]);
  assert.deepEqual([body.changed, body.unchanged], [0, 1]);
  assert.deepEqual(await limits(app, [user]), [150]);
});

test('what is no CSV of limits is refused, and says what is wrong', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  const post = (body: string, type = 'text/csv', query = '') =>
    app.admin(`/quotas${query}`, { method: 'POST', headers: { 'content-type': type }, body });
  const user = randomUUID();
  for (const body of [
    '',
    'user_id,quota_limit',
    `user,limit\n${user},1`,
    `user_id,quota_limit\n"${user},1`,
    `user_id,quota_limit\n${user},"${'1'.repeat(400)}"`,
    `user_id,quota_limit\n${user},1\u0000`,
    `user_id,quota_limit\n${user},=1+1`,
  ]) {
    const { status, body: problem } = await post(body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(problem.details.errors[0].path, /^line\/\d+$/);
  }
  const json = await post('{}', 'application/json');
  assert.equal(json.status, 415);
  assert.match(json.body.detail, /text\/csv/);
  assert.equal((await post(`user_id,quota_limit\n${user},1`, 'text/csv', '?dry_run=yes')).status, 400);
  const many = Array.from({ length: 10_001 }, () => `${randomUUID()},1`);
  assert.match((await send(app, many)).body.detail, /10000 users/);
  assert.equal((await post('x'.repeat(1 << 21))).status, 400);
  assert.equal((await app.call('/v1/admin/quotas', { method: 'POST' })).status, 403);
});

test('quotes, blanks, a byte order mark and lines of Windows are read as spreadsheets write them', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  const user = randomUUID();
  const { body } = await app.admin('/quotas', {
    method: 'POST',
    headers: { 'content-type': 'text/csv; charset=utf-8' },
    body: `\ufeff"user_id","quota_limit"\r\n\r\n"${user}" , 42\r\n`,
  });
  assert.deepEqual(body.lines, [{ ...line(3, user, 'changed', 42, null), known_user: false }]);
});

function line(
  at: number,
  user_id: string,
  result: string,
  quota_limit: number | null,
  previous: number | null,
) {
  return { line: at, user_id, result, quota_limit, previous_limit: previous, known_user: true };
}

async function limits(app: AdminApp, users: readonly string[]): Promise<number[]> {
  const quotas = await Promise.all(users.map((userId) => app.admin(`/users/${userId}/quota`)));
  return quotas.map(({ body }) => body.quota_limit);
}
