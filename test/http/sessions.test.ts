import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { initiateBody, P, STORES, signToken, startApp } from '../helpers/app.ts';

const STATUS_MEMBERS = [
  'completed_at',
  'created_at',
  'dashboard_context',
  'expected_file_size',
  'expires_at',
  'failure',
  'file_format',
  'filename',
  'is_expired',
  'is_valid',
  'session_id',
  'sha256',
  'status',
  'upload_length',
  'upload_offset',
  'upload_url',
  'user_id',
];

for (const store of STORES) {
  test(`${store}: validate says valid while active, and why not once it has ended`, async (t) => {
    const app = await startApp(t, { store });
    const { body: made } = await app.call(`${P}/initiate`, { json: initiateBody() });
    const question = { session_id: made.session_id, user_id: app.userId };

    const active = await app.call(`${P}/validate`, { json: question });
    assert.equal(active.status, 200);
    assert.equal(active.body.is_valid, true);
    assert.equal(active.body.is_owner, true);
    assert.equal(active.body.error_message, null);
    assert.deepEqual(Object.keys(active.body.session_status).sort(), STATUS_MEMBERS);
    assert.equal(active.body.session_status.status, 'active');
    assert.equal(active.body.session_status.upload_url, made.upload_url);

    await app.call(`${P}/sessions/${made.session_id}`, { method: 'DELETE' });
    const ended = await app.call(`${P}/validate`, { json: question });
    assert.equal(ended.status, 200);
    assert.equal(ended.body.is_valid, false);
    assert.equal(ended.body.is_owner, true);
    assert.equal(ended.body.session_status.status, 'cancelled');
    assert.equal(ended.body.session_status.upload_url, null);
    assert.match(ended.body.error_message, /cancelled/);

    const unknown = await app.call(`${P}/validate`, {
      json: { session_id: randomUUID(), user_id: app.userId },
    });
    assert.equal(unknown.status, 404);
    assert.equal(unknown.body.error_code, 'SESSION_NOT_FOUND');
  });

  test(`${store}: a caller with validate_sessions may ask for any user, but owners stay owners`, async (t) => {
    const app = await startApp(t, { store });
    const { body: made } = await app.call(`${P}/initiate`, { json: initiateBody() });
    const service = await signToken({ user_id: randomUUID(), permissions: ['validate_sessions'] });

    const owner = { session_id: made.session_id.toUpperCase(), user_id: app.userId.toUpperCase() };
    const right = await app.call(`${P}/validate`, { token: service, json: owner });
    assert.equal(right.status, 200);
    assert.equal(right.body.is_owner, true);

    const wrong = await app.call(`${P}/validate`, {
      token: service,
      json: { session_id: made.session_id, user_id: randomUUID() },
    });
    assert.equal(wrong.status, 403);
    assert.equal(wrong.body.error_code, 'UNAUTHORIZED_ACCESS');
  });

  test(`${store}: the list has the caller's live sessions alone, newest first, page by page`, async (t) => {
    const app = await startApp(t, { store });
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      const { body } = await app.call(`${P}/initiate`, { json: initiateBody({ expected_file_size: 1 }) });
      made.push(body.session_id);
    }
    const stranger = await signToken({ user_id: randomUUID() });
    await app.call(`${P}/initiate`, { token: stranger, json: initiateBody() });
    await app.call(`${P}/sessions/${made[2]}`, { method: 'DELETE' });

    const seen: string[] = [];
    let page: string | null = `${P}/sessions?limit=2`;
    let pages = 0;
    while (page !== null) {
      const { body, headers } = await app.call(page);
      assert.ok(body.length <= 2);
      seen.push(...body.map((one: { session_id: string }) => one.session_id));
      page = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? null;
      pages += 1;
    }
    assert.equal(pages, 2);
    assert.deepEqual([...seen].sort(), made.filter((_, index) => index !== 2).sort());
    const all = await app.call(`${P}/sessions`);
    assert.deepEqual(
      all.body.map((one: { session_id: string }) => one.session_id),
      seen,
    );
    const created = all.body.map((one: { created_at: string }) => Date.parse(one.created_at));
    assert.deepEqual(
      created,
      [...created].sort((a: number, b: number) => b - a),
    );
  });

  test(`${store}: cancelling gives the reservation back once, and may be repeated`, async (t) => {
    const app = await startApp(t, { store });
    const { body: made } = await app.call(`${P}/initiate`, { json: initiateBody() });
    await app.call(`${P}/initiate`, { json: initiateBody({ expected_file_size: 7 }) });
    for (const _ of [1, 2, 3]) {
      const answer = await app.call(`${P}/sessions/${made.session_id}`, { method: 'DELETE' });
      assert.equal(answer.status, 204);
      assert.equal(answer.body, null);
    }
    const { body: quota } = await app.call(`${P}/quota`);
    assert.equal(quota.quota_reserved, 7);
    assert.equal(quota.active_sessions, 1);
  });

  test(`${store}: an expired session says so at once, and gives its reservation back`, async (t) => {
    const app = await startApp(t, { store, env: { UPLOAD_SESSION_TTL: '1' } });
    const { body: made } = await app.call(`${P}/initiate`, { json: initiateBody() });
    const expiry = Date.parse(made.session_expires_at);
    await new Promise((resolve) => setTimeout(resolve, expiry - Date.now() + 20));

    const { body } = await app.call(`${P}/sessions/${made.session_id}`);
    assert.equal(body.status, 'expired');
    assert.equal(body.is_expired, true);
    assert.equal(body.is_valid, false);
    assert.deepEqual((await app.call(`${P}/sessions`)).body, []);
    const admin = await signToken({ user_id: app.userId, permissions: ['manage_quota'] });
    const cleaned = await app.call(`${P}/cleanup`, { method: 'POST', token: admin });
    assert.equal(cleaned.status, 200);
    assert.equal((await app.call(`${P}/quota`)).body.quota_reserved, 0);
    assert.equal((await app.call(`${P}/sessions/${made.session_id}`)).body.status, 'expired');
  });

  test(`${store}: an administrator reads and sets limits and resets periods`, async (t) => {
    const app = await startApp(t, { store });
    const admin = await signToken({ user_id: randomUUID(), permissions: ['manage_quota'] });
    const path = `/v1/admin/users/${app.userId.toUpperCase()}/quota`;
    const put = (json: unknown) => app.call(path, { token: admin, method: 'PUT', json });

    assert.equal((await app.call(path, { token: admin })).body.quota_limit, 10_737_418_240);
    const set = await put({ quota_limit: 1_000_001 });
    assert.equal(set.status, 200);
    assert.equal(set.body.quota_limit, 1_000_001);
    assert.equal((await app.call(`${P}/quota`)).body.quota_limit, 1_000_001);
    assert.equal((await app.call(`${P}/initiate`, { json: initiateBody() })).body.remaining_quota, 1);

    const reset = await put({ reset: true });
    assert.equal(reset.status, 200);
    assert.equal(reset.body.quota_used, 0);
    assert.equal(reset.body.quota_reserved, 1_000_000);

    for (const bad of [
      {},
      { quota_limit: -1 },
      { quota_limit: 1.5 },
      { quota_limit: '5' },
      { reset: false },
      [],
    ]) {
      const answer = await put(bad);
      assert.equal(answer.status, 400, JSON.stringify(bad));
      assert.equal(answer.body.error_code, 'INVALID_REQUEST');
    }
    assert.equal((await app.call(`${P}/quota`)).body.quota_limit, 1_000_001);
  });
}
