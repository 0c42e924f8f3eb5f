import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { initiateBody, P, signToken, startApp } from '../helpers/app.ts';

test('while the ledger is away a bad file is still refused as such, and its event is told later', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-endings-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const page = await readFile(new URL('../fixtures/page.html', import.meta.url));

  const app = await startApp(t, { dataDir });
  const { body: session } = await app.call(`${P}/initiate`, {
    json: initiateBody({ expected_file_size: page.length }),
  });
  const { ledger } = app.service.stores;
  assert.ok('close' in ledger && typeof ledger.close === 'function');
  await ledger.close();
  const answer = await app.call(session.upload_url, { method: 'PUT', body: page, token: null });
  assert.equal(answer.status, 415);
  assert.equal(answer.body.error_code, 'UNSUPPORTED_FORMAT');
  const { body: status } = await app.call(`${P}/sessions/${session.session_id}`);
  assert.equal(status.status, 'failed');
  await app.close();

  const again = await startApp(t, { dataDir });
  const token = await signToken({ user_id: randomUUID(), permissions: ['manage_quota'] });
  assert.equal((await again.call(`${P}/cleanup`, { method: 'POST', token })).status, 200);
  const events = await again.service.stores.ledger.outbox.list({ limit: 10 });
  assert.deepEqual(
    events.map(({ id }) => id),
    [`upload-failed-${session.session_id}`],
  );
  assert.deepEqual(await again.files(), []);
});
