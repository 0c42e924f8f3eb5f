import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { initiateBody, P, STORES, signToken, startApp } from '../helpers/app.ts';

const INITIATE = `${P}/initiate`;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

for (const store of STORES) {
  test(`${store}: initiate answers as the contract has it, and reserves at once`, async (t) => {
    const app = await startApp(t, { store });
    const asked = Date.now();
    const { status, headers, body } = await app.call(INITIATE, { json: initiateBody() });

    assert.equal(status, 201);
    assert.match(body.session_id, UUID_V4);
    assert.equal(headers.get('location'), body.upload_url);
    assert.ok(body.upload_url.startsWith(`${app.url}/v1/uploads/${body.session_id}?token=`));
    const expires = Date.parse(body.session_expires_at);
    assert.ok(Math.abs(expires - asked - 3_600_000) < 5000);
    assert.match(body.session_expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const { session_id, upload_url, session_expires_at, ...rest } = body;
    assert.deepEqual(rest, {
      max_file_size: 524_288_000,
      allowed_formats: ['mp4', 'avi', 'mov', 'mkv', 'webm'],
      remaining_quota: 10_736_418_240,
      quota_limit: 10_737_418_240,
      dashboard_context: initiateBody().dashboard_context,
      upload_instructions: {
        method: 'PUT',
        headers: { 'Content-Type': 'application/octet-stream' },
        timeout: 3600,
        protocols: ['put', 'tus-1.0.0', 'ietf-resumable-upload'],
        tus_endpoint: `${app.url}/v1/uploads`,
      },
    });

    const quota = await app.call(`${P}/quota`);
    assert.equal(quota.body.quota_reserved, 1_000_000);
    assert.equal(quota.body.active_sessions, 1);
  });

  test(`${store}: without a size the most that fits is reserved, and is the session's maximum`, async (t) => {
    const app = await startApp(t, {
      store,
      env: { UPLOAD_DEFAULT_QUOTA: '1000', UPLOAD_MAX_FILE_SIZE: '700' },
    });
    const { dashboard_context } = initiateBody();
    const first = await app.call(INITIATE, { json: { dashboard_context } });
    assert.equal(first.body.max_file_size, 700);
    assert.equal(first.body.remaining_quota, 300);
    const second = await app.call(INITIATE, { json: { dashboard_context } });
    assert.equal(second.body.max_file_size, 300);
    const third = await app.call(INITIATE, { json: { dashboard_context } });
    assert.equal(third.status, 429);
    assert.equal(third.body.error_code, 'QUOTA_EXCEEDED');
    assert.match(third.body.error_message, /expected_file_size/);
    assert.doesNotMatch(third.body.error_message, /smaller file/);
    const told = await app.call(INITIATE, { json: { dashboard_context, expected_file_size: 1 } });
    assert.match(told.body.error_message, /smaller file/);
  });

  test(`${store}: the same Idempotency-Key and body give the same session, another body 422`, async (t) => {
    const app = await startApp(t, { store });
    const request = { json: initiateBody(), headers: { 'idempotency-key': randomUUID() } };
    const first = await app.call(INITIATE, request);
    assert.equal(first.headers.get('idempotency-replayed'), null);
    const again = await Promise.all([1, 2, 3].map(() => app.call(INITIATE, request)));
    for (const { status, headers, body } of again) {
      assert.equal(status, 201);
      assert.equal(headers.get('idempotency-replayed'), 'true');
      assert.deepEqual(body, first.body);
    }

    const other = await app.call(INITIATE, { ...request, json: initiateBody({ filename: 'other.mp4' }) });
    assert.equal(other.status, 422);
    assert.equal(other.body.error_code, 'IDEMPOTENCY_KEY_REUSED');
    assert.equal((await app.call(`${P}/quota`)).body.active_sessions, 1);

    const stranger = await signToken({ user_id: randomUUID() });
    const theirs = await app.call(INITIATE, { ...request, token: stranger });
    assert.equal(theirs.status, 201);
    assert.notEqual(theirs.body.session_id, first.body.session_id);
  });

  test(`${store}: the context comes back exactly as it was sent, to the last character`, async (t) => {
    const app = await startApp(t, { store });
    const context =
      '{ "source_section":" video_analysis ", "workflow_type":"batch_upload","metadata":{"b":1.0,"a":12345678901234567890,"10":"\\u00e9","2":[ ]},"unknown":{"dashboard_context":"}{"} }';
    const response = await app.fetch(INITIATE, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"expected_file_size":5,"dashboard_context":${context},"filename":"x"}`,
    });
    const text = await response.text();
    assert.equal(response.status, 201, text);
    assert.ok(text.includes(`"dashboard_context":${context}`), text);

    const { session_id } = JSON.parse(text);
    for (const path of [`${P}/sessions`, `${P}/sessions/${session_id}`]) {
      assert.ok((await (await app.fetch(path)).text()).includes(`"dashboard_context":${context}`), path);
    }
  });
}

test('what is optional may be null, the format in any case, and unknown members are ignored', async (t) => {
  const app = await startApp(t);
  const { dashboard_context } = initiateBody();
  const nulls = { expected_file_size: null, file_format: null, filename: null, sha256: null };
  const first = await app.call(INITIATE, { json: { dashboard_context, ...nulls, transfer_mode: 'x' } });
  assert.equal(first.status, 201);

  const sha256 = 'AB'.repeat(32);
  const second = await app.call(INITIATE, { json: initiateBody({ file_format: 'WebM', sha256 }) });
  assert.equal(second.status, 201);
  const session = await app.call(`${P}/sessions/${second.body.session_id}`);
  assert.equal(session.body.file_format, 'webm');
  assert.equal(session.body.sha256, sha256.toLowerCase());
});

test('source_section may have 64 characters and blanks around them, of any script', async (t) => {
  const app = await startApp(t);
  for (const section of ['x', ` ${'x'.repeat(64)} `, '😀'.repeat(64)]) {
    const context = { source_section: section, workflow_type: 'single_upload' };
    const { status } = await app.call(INITIATE, { json: { dashboard_context: context } });
    assert.equal(status, 201, section);
  }
});

test('initiate needs create_sessions, which a token without permissions has', async (t) => {
  const app = await startApp(t);
  const permissions = (claims: object) => signToken({ user_id: app.userId, ...claims });
  const cases: readonly (readonly [object, number])[] = [
    [{}, 201],
    [{ permissions: ['create_sessions'] }, 201],
    [{ scope: 'upload_files create_sessions' }, 201],
    [{ permissions: ['upload_files'] }, 403],
    [{ permissions: [] }, 403],
    [{ scope: 'create_sessions_not' }, 403],
    [{ permissions: 'create_sessions' }, 403],
  ];
  for (const [claims, status] of cases) {
    const answer = await app.call(INITIATE, { json: initiateBody(), token: await permissions(claims) });
    assert.equal(answer.status, status, JSON.stringify(claims));
    if (status === 403) {
      assert.equal(answer.body.error_code, 'PERMISSION_DENIED');
      assert.equal(answer.body.details.required, 'create_sessions');
    }
  }
});

test('URLs are made from PUBLIC_URL, else from what a trusted proxy says, else from the own address', async (t) => {
  const forwarded = { 'x-forwarded-host': 'proxy.example', 'x-forwarded-proto': 'https' };
  const cases: readonly (readonly [env: Record<string, string>, base: string | null])[] = [
    [{ PUBLIC_URL: 'https://uploads.example.org/sluice/' }, 'https://uploads.example.org/sluice'],
    [{ PUBLIC_URL: 'https://uploads.example.org', TRUST_PROXY: 'true' }, 'https://uploads.example.org'],
    [{ TRUST_PROXY: '127.0.0.0/8' }, 'https://proxy.example'],
    [{ TRUST_PROXY: '1' }, 'https://proxy.example'],
    [{ TRUST_PROXY: '10.0.0.0/8' }, null],
    [{}, null],
  ];
  for (const [env, base] of cases) {
    const app = await startApp(t, { env });
    const { body, headers } = await app.call(INITIATE, { json: initiateBody(), headers: forwarded });
    const uploads = `${base ?? app.url}/v1/uploads`;
    assert.equal(body.upload_instructions.tus_endpoint, uploads, JSON.stringify(env));
    assert.ok(body.upload_url.startsWith(`${uploads}/${body.session_id}?token=`));
    assert.equal(headers.get('location'), body.upload_url);
  }
});
