import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { csvLines } from '../../src/administration/usage-export.ts';
import { P } from '../helpers/app.ts';
import { type AdminApp, PLACES, startAdminApp } from './admin-app.ts';

for (const place of PLACES) {
  test(`${place}: users are listed by usage, page by page, with what they hold now`, async (t) => {
    const app = await startAdminApp(t, place);
    const [low, high, middle] = [await app.user(10), await app.user(3000), await app.user(200)];
    await app.admin(`/users/${middle}/quota`, { method: 'PUT', json: { quota_limit: 400 } });
    await app.open(low, 5000);

    const { status, body } = await app.admin('/users');
    assert.equal(status, 200);
    assert.deepEqual(ids(body), [high, middle, low]);
    assert.equal(body.next, null);
    const [, second, third] = body.users;
    assert.partialDeepStrictEqual(second, {
      ...{ quota_limit: 400, limit_source: 'own', quota_used: 200, quota_remaining: 200 },
      usage_percentage: 50,
    });
    assert.partialDeepStrictEqual(third, {
      ...{ limit_source: 'default', quota_used: 10, quota_reserved: 5000, active_sessions: 1 },
    });
    const { user_id, limit_source, ...quota } = third;
    const { body: own } = await app.call(`${P}/quota`, { token: await app.tokenOf(low) });
    assert.deepEqual(quota, own, 'the same as the user himself is told');

    assert.deepEqual(await walk(app, 'limit=1'), [high, middle, low]);
    assert.deepEqual(await walk(app, 'limit=2&sort=usage&order=asc'), [low, high, middle]);
    assert.deepEqual(await walk(app, 'limit=1&sort=user&order=asc'), [low, high, middle].sort());
    assert.equal((await walk(app, 'limit=2&sort=limit'))[2], middle);
  });

  test(`${place}: an export has every user once, as CSV and as JSON lines`, async (t) => {
    const app = await startAdminApp(t, place);
    const users = await Promise.all(Array.from({ length: 12 }, (_, n) => app.user(n)));
    await app.open(users[3] ?? '', 700);
    const csv = await app.fetch('/v1/admin/usage', { token: app.adminToken });
    assert.equal(csv.status, 200);
    assert.match(csv.headers.get('content-type') ?? '', /^text\/csv/);
    assert.match(csv.headers.get('content-disposition') ?? '', /usage\.csv/);
    const rows: Record<string, string>[] = parse(await csv.text(), { columns: true });
    assert.deepEqual(
      rows.map(({ user_id }) => user_id),
      users.toSorted(),
    );
    const jsonl = await app.fetch('/v1/admin/usage?format=jsonl', { token: app.adminToken });
    const objects = (await jsonl.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      objects.map((one) => Object.fromEntries(Object.entries(one).map(([key, value]) => [key, `${value}`]))),
      rows,
      'both say the same',
    );
    const reserving = objects.find(({ user_id }) => user_id === users[3]);
    assert.partialDeepStrictEqual(reserving, { quota_used: 3, quota_reserved: 700, active_sessions: 1 });
  });
}

test('an export of nobody is a line of names, or nothing', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  const read = async (format: string) =>
    (await app.fetch(`/v1/admin/usage?format=${format}`, { token: app.adminToken })).text();
  assert.match(await read('csv'), /^user_id,quota_limit,[a-z_,]+\r\n$/);
  assert.equal(await read('jsonl'), '');
});

test('a page of users is asked for in terms that are understood, by administrators alone', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  const bad = ['limit=0', 'limit=501', 'sort=name', 'order=up', 'after=x', `after=1e999_${randomUUID()}`];
  for (const query of bad) assert.equal((await app.admin(`/users?${query}`)).status, 400, query);
  assert.equal((await app.admin('/usage?format=xls')).status, 400);
  for (const path of ['/v1/admin/users', '/v1/admin/usage', '/v1/admin/sessions']) {
    assert.equal((await app.call(path)).status, 403, path);
    assert.equal((await app.call(path, { token: null })).status, 401, path);
  }
});

test('no value of a CSV is run as a formula by a spreadsheet, and numbers stay numbers', () => {
  const values = ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx', 'a,"b"', -5, 7];
  const [read = []]: string[][] = parse(csvLines([values]), { record_delimiter: '\r\n' });
  assert.deepEqual(read, ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'\rx", 'a,"b"', '-5', '7']);
});

function ids(page: { readonly users: readonly { readonly user_id: string }[] }): string[] {
  return page.users.map(({ user_id }) => user_id);
}

/** All pages, by the links from one to the next. */
async function walk(app: AdminApp, query: string): Promise<string[]> {
  const found: string[] = [];
  let path: string | undefined = `/users?${query}`;
  while (path !== undefined) {
    const { status, body, headers } = await app.admin(path);
    assert.equal(status, 200);
    found.push(...ids(body));
    path = /^<\/v1\/admin(\S+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    assert.equal(path === undefined, body.next === null);
  }
  return found;
}
