import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { initiateBody, P, STORES, signToken, startApp, type TestRequest } from '../helpers/app.ts';
import { BAD_REQUESTS } from './bad-requests.ts';
import { assertProblem, everything } from './refusals.ts';

const INITIATE = `${P}/initiate`;

for (const store of STORES) {
  test(`${store}: bad requests get their status and code, and change nothing`, async (t) => {
    const app = await startApp(t, { store });
    // Something to be changed by mistake.
    assert.equal((await app.call(INITIATE, { json: initiateBody() })).status, 201);
    const before = await everything(app);

    for (const bad of BAD_REQUESTS) {
      const answer = await app.call(bad.path, bad.request);
      assert.equal(answer.status, bad.status, `${bad.name}: ${JSON.stringify(answer.body)}`);
      assertProblem(bad.name, answer.body, bad);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', bad.name);
      const paths = (answer.body.details.errors ?? []).map((fault: { path: string }) => fault.path);
      for (const path of bad.faults ?? []) assert.ok(paths.includes(path), `${bad.name}: ${paths}`);
      assert.deepEqual(await everything(app), before, bad.name);
    }
  });

  test(`${store}: another user's session is 403 however it is asked for, and is not touched`, async (t) => {
    const app = await startApp(t, { store });
    const { body: session } = await app.call(INITIATE, { json: initiateBody() });
    const before = await everything(app);
    const stranger = randomUUID();
    const token = await signToken({ user_id: stranger });

    const asked: readonly (readonly [string, TestRequest])[] = [
      [`${P}/sessions/${session.session_id}`, { token }],
      [`${P}/sessions/${session.session_id}`, { token, method: 'DELETE' }],
      [`${P}/sessions/${session.session_id.toUpperCase()}`, { token, method: 'DELETE' }],
      [`${P}/validate`, { token, json: { session_id: session.session_id, user_id: stranger } }],
      [`/v1/uploads/${session.session_id}`, { token }],
      [`/v1/uploads/${session.session_id}`, { token, method: 'DELETE' }],
    ];
    for (const [path, request] of asked) {
      const answer = await app.call(path, request);
      assert.equal(answer.status, 403, `${request.method ?? 'GET'} ${path}`);
      assert.equal(answer.body.error_code, 'UNAUTHORIZED_ACCESS');
      assert.deepEqual(await everything(app), before);
    }
  });

  test(`${store}: one byte over the quota is 429 with the time to wait, the last byte still fits`, async (t) => {
    const app = await startApp(t, { store, env: { UPLOAD_DEFAULT_QUOTA: '1000' } });
    assert.equal((await app.call(INITIATE, { json: initiateBody({ expected_file_size: 400 }) })).status, 201);
    const before = await everything(app);

    const over = await app.call(INITIATE, { json: initiateBody({ expected_file_size: 601 }) });
    assert.equal(over.status, 429);
    assert.equal(over.body.error_code, 'QUOTA_EXCEEDED');
    assert.equal(over.body.details.required, 601);
    assert.equal(over.body.details.quota_remaining, 600);
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    assert.deepEqual(await everything(app), before);

    const exact = await app.call(INITIATE, { json: initiateBody({ expected_file_size: 600 }) });
    assert.equal(exact.status, 201);
    assert.equal(exact.body.remaining_quota, 0);
  });

  test(`${store}: the session over the limit of live ones is 429`, async (t) => {
    const app = await startApp(t, { store });
    const one = initiateBody({ expected_file_size: 1 });
    const made = await Promise.all(Array.from({ length: 100 }, () => app.call(INITIATE, { json: one })));
    assert.ok(made.every((answer) => answer.status === 201));
    const before = await everything(app);

    const over = await app.call(INITIATE, { json: one });
    assert.equal(over.status, 429);
    assert.equal(over.body.error_code, 'SESSION_LIMIT_EXCEEDED');
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    assert.deepEqual(await everything(app), before);
  });
}

test('what is wrong with a JSON body is told: that it is none, or whom its members poison', async (t) => {
  const app = await startApp(t);
  const context = JSON.stringify(initiateBody().dashboard_context);
  const notJson = 'The request is not valid JSON.';
  const poisons = 'The request must be JSON without __proto__ or constructor.prototype members.';
  for (const [body, message] of [
    ["{'bad'", notJson],
    ['{"__proto__":', notJson],
    [`{"dashboard_context":${context},}`, notJson],
    [`{"dashboard_context":${context},"__proto__":{}}`, poisons],
    ['{"a":[{"\\u005f_proto__":1}]}', poisons],
    ['{"constructor":{"prototype":1}}', poisons],
  ] as const) {
    const headers = { 'content-type': 'application/json' };
    const answer = await app.call(INITIATE, { method: 'POST', body, headers });
    assert.deepEqual([answer.status, answer.body.detail], [400, message], body);
  }
});

test('a file name is data: a path in it is kept, and leads nowhere', async (t: TestContext) => {
  const app = await startApp(t);
  const { status, body } = await app.call(INITIATE, { json: initiateBody({ filename: '../../x' }) });
  assert.equal(status, 201);
  const session = await app.call(`${P}/sessions/${body.session_id}`);
  assert.equal(session.body.filename, '../../x');
});
