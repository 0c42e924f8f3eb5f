import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { initiateBody, P } from '../helpers/app.ts';
import { type AdminApp, PLACES, startAdminApp } from './admin-app.ts';

for (const place of PLACES) {
  test(`${place}: live sessions of all are listed once, those of one newest first`, async (t) => {
    const app = await startAdminApp(t, place);
    const users = [randomUUID(), randomUUID(), randomUUID()];
    const opened: string[] = [];
    for (const userId of [...users, ...users]) opened.push(await app.open(userId, 1000));
    const [first = ''] = users;
    const { body } = await app.admin(`/sessions?user_id=${first.toUpperCase()}`);
    assert.deepEqual(ids(body), [opened[3], opened[0]]);
    assert.partialDeepStrictEqual(body.sessions[0], {
      ...{ user_id: first, status: 'active', reserved_bytes: 1000, upload_offset: 0 },
    });
    assert.equal('upload_url' in body.sessions[0], false, 'nobody can upload in his place');
    for (const limit of [1, 2, 6, 100]) {
      assert.deepEqual((await walk(app, `limit=${limit}`)).sort(), opened.toSorted());
    }
    const soon = new Date(Date.now() + 60_000).toISOString();
    assert.deepEqual(ids((await app.admin(`/sessions?created_after=${soon}`)).body), []);
    assert.equal((await walk(app, `created_before=${soon}&limit=4`)).length, 6);
  });

  test(`${place}: sessions are cancelled by id, by user and all, and give back what they held`, async (t) => {
    const app = await startAdminApp(t, place);
    const users = [randomUUID(), randomUUID(), randomUUID()] as const;
    const [a, b, c] = users;
    const [one, two] = [await app.open(a, 1000), await app.open(a, 1000)];
    for (const userId of [b, b, c]) await app.open(userId, 1000);
    const cancel = (json: unknown) => app.admin('/sessions/cancel', { json });

    const unknown = randomUUID();
    const byId = await cancel({ session_ids: [one, unknown, one.toUpperCase()] });
    assert.deepEqual(byId.body, {
      ...{ dry_run: false, cancelled: 1, next: null },
      sessions: [
        { session_id: one, user_id: a, result: 'cancelled' },
        { session_id: unknown, user_id: null, result: 'not_found' },
      ],
    });
    assert.equal((await cancel({ session_ids: [one] })).body.sessions[0].result, 'ended');
    assert.equal(
      (await app.call(`${P}/sessions/${one}`, { token: await app.tokenOf(a) })).body.status,
      'cancelled',
    );

    const dry = await cancel({ user_id: b, dry_run: true });
    assert.deepEqual([dry.body.cancelled, dry.body.sessions.length], [0, 2]);
    assert.equal((await cancel({ user_id: b })).body.cancelled, 2);
    const { body: quota } = await app.admin(`/users/${b}/quota`);
    assert.deepEqual([quota.quota_reserved, quota.active_sessions], [0, 0]);

    const rest = await cancel({ all: true, limit: 1 });
    const end = await cancel({ all: true, limit: 5, after: rest.body.next });
    assert.equal(rest.body.cancelled + end.body.cancelled, 2);
    assert.equal(end.body.next, null);
    assert.deepEqual(await walk(app, 'limit=10'), []);
    assert.equal(
      (await app.call(`${P}/sessions/${two}`, { token: await app.tokenOf(a) })).body.status,
      'cancelled',
    );
  });
}

for (const place of PLACES) {
  test(`${place}: one session of anybody is shown, live and ended, without a way to upload into it`, async (t) => {
    const app = await startAdminApp(t, place);
    const userId = randomUUID();
    const sessionId = await app.open(userId, 1000);
    const { body } = await app.admin(`/sessions/${sessionId.toUpperCase()}`);
    assert.partialDeepStrictEqual(body, {
      ...{ session_id: sessionId, user_id: userId, status: 'active', reserved_bytes: 1000 },
      ...{ verifying: false, writer: null, writer_epoch: 0, completed_at: null, sha256: null, failure: null },
    });
    for (const secret of ['upload_url', 'dashboard_context', 'filename']) assert.equal(secret in body, false);

    const token = await app.tokenOf(userId);
    await app.call(`${P}/sessions/${sessionId}`, { method: 'DELETE', token });
    assert.partialDeepStrictEqual((await app.admin(`/sessions/${sessionId}`)).body, {
      ...{ status: 'cancelled', reserved_bytes: 0 },
    });
    const unknown = await app.admin(`/sessions/${randomUUID()}`);
    assert.deepEqual([unknown.status, unknown.body.error_code], [404, 'SESSION_NOT_FOUND']);
    const noId = await app.admin('/sessions/x');
    assert.deepEqual([noId.status, noId.body.error_code], [400, 'INVALID_REQUEST']);
    const owner = await app.call(`/v1/admin/sessions/${sessionId}`, { token });
    assert.deepEqual([owner.status, owner.body.error_code], [403, 'PERMISSION_DENIED']);
  });
}

test('a session that bytes have reached is told from one without, and its running upload is stopped', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  const token = await app.tokenOf(app.userId);
  const { body: started } = await app.call(`${P}/initiate`, { token, json: initiateBody() });
  const idle = await app.open(app.userId, 1000);
  const partial = await fetch(started.upload_url, {
    method: 'PATCH',
    headers: {
      ...{ 'tus-resumable': '1.0.0', 'upload-offset': '0' },
      'content-type': 'application/offset+octet-stream',
    },
    body: Buffer.from('00000018667479706d703432000000006d70343269736f6d', 'hex'),
  });
  assert.equal(partial.status, 204);
  assert.deepEqual(ids((await app.admin('/sessions?without_bytes=true')).body), [idle]);
  const filter = { user_id: app.userId, without_bytes: true };
  assert.equal((await app.admin('/sessions/cancel', { json: filter })).body.cancelled, 1);
  assert.deepEqual(ids((await app.admin('/sessions')).body), [started.session_id]);
  assert.equal((await app.admin('/sessions/cancel', { json: { all: true } })).body.cancelled, 1);
  assert.equal((await fetch(started.upload_url, { method: 'HEAD' })).status, 410);
  assert.deepEqual(await app.files(), []);
});

test('whose sessions are meant has to be said, once, and by an administrator', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  const user_id = randomUUID();
  for (const json of [
    {},
    { dry_run: true },
    { all: false },
    { all: true, user_id },
    { session_ids: [] },
    { session_ids: ['x'] },
    { user_id, created_before: 'yesterday' },
    { all: true, limit: 501 },
    { all: true, after: 'x' },
  ]) {
    assert.equal((await app.admin('/sessions/cancel', { json })).status, 400, JSON.stringify(json));
  }
  for (const query of ['user_id=x', 'created_after=1', 'without_bytes=1', 'after=1', 'limit=x']) {
    assert.equal((await app.admin(`/sessions?${query}`)).status, 400, query);
  }
  assert.equal((await app.call('/v1/admin/sessions/cancel', { json: { all: true } })).status, 403);
});

function ids(page: { readonly sessions: readonly { readonly session_id: string }[] }): string[] {
  return page.sessions.map(({ session_id }) => session_id);
}

async function walk(app: AdminApp, query: string): Promise<string[]> {
  const found: string[] = [];
  let after: string | null = '';
  while (after !== null) {
    const { status, body } = await app.admin(`/sessions?${query}${after && `&after=${after}`}`);
    assert.equal(status, 200);
    found.push(...ids(body));
    after = body.next;
  }
  return found;
}
