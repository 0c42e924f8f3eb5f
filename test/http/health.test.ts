import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P, STORES, startApp } from '../helpers/app.ts';

for (const store of STORES) {
  test(`${store}: health tells what the contract says, to anyone, and no secrets`, async (t) => {
    const app = await startApp(t, { store });
    const { status, body } = await app.call(`${P}/health`, { token: null });
    assert.equal(status, 200);
    assert.match(body.version, /^\d+\.\d+\.\d+/);
    const { version, ...rest } = body;
    assert.deepEqual(rest, {
      status: 'healthy',
      redis_connected: store === 'redis',
      service_initialized: true,
      configuration_valid: true,
      checks: {
        session_store: { status: 'healthy', backend: store },
        ledger: { status: 'healthy', backend: 'sqlite' },
        storage: { status: 'healthy', backend: 'disk' },
      },
    });
    for (const [path, answer] of [
      ['/livez', 'alive'],
      ['/readyz', 'ready'],
    ] as const) {
      const probe = await app.call(path, { token: null });
      assert.equal(probe.status, 200);
      assert.deepEqual(probe.body, { status: answer });
    }
  });

  test(`${store}: without its stores the service is alive, but neither healthy nor ready`, async (t) => {
    const app = await startApp(t, { store });
    await app.service.stores.close();
    const { status, body } = await app.call(`${P}/health`, { token: null });
    assert.equal(status, 503);
    assert.equal(body.status, 'unhealthy');
    assert.equal(body.redis_connected, false);
    assert.equal(body.checks.session_store.status, 'unhealthy');
    assert.equal(body.checks.ledger.status, 'unhealthy');
    assert.equal(body.checks.storage.status, 'healthy');
    assert.doesNotMatch(JSON.stringify(body), /127\.0\.0\.1|6379|\.db|error/i);
    assert.equal((await app.call('/readyz', { token: null })).status, 503);
    assert.equal((await app.call('/livez', { token: null })).status, 200);
  });
}

test('many who ask for health at once cost one look', async (t) => {
  const app = await startApp(t);
  let looks = 0;
  const { sessions } = app.service.stores;
  const check = sessions.check.bind(sessions);
  t.mock.method(sessions, 'check', () => {
    looks += 1;
    return check();
  });
  const answers = await Promise.all(Array.from({ length: 50 }, () => app.call(`${P}/health`)));
  assert.ok(answers.every((answer) => answer.status === 200));
  assert.ok(looks < 50, `${looks} looks`);
});
