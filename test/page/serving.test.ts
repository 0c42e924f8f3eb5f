import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { drop, FIVE_VIDEOS } from './videos.ts';

const FLASK_SECRET = 'the secret that the dashboard signs with';

const browser = startedBrowser();
let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess({ env: { FLASK_SECRET_KEY: FLASK_SECRET } });
});
after(() => service?.stop());

/** As itsdangerous' URLSafeTimedSerializer signs it for Flask. */
function flaskCookie(session: object): string {
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(Math.floor(Date.now() / 1000));
  const payload = Buffer.from(JSON.stringify(session)).toString('base64url');
  const signed = `${payload}.${seconds.toString('base64url')}`;
  const key = createHmac('sha1', FLASK_SECRET).update('cookie-session').digest();
  return `${signed}.${createHmac('sha1', key).update(signed).digest('base64url')}`;
}

test('the page is never kept, what it loads is kept for a year, and nothing else may run in it', async () => {
  const page = await fetch(`${service.url}/`);
  assert.equal(page.headers.get('cache-control'), 'no-store');
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|https?:/);
  const html = await page.text();
  assert.doesNotMatch(html, /<script>|style=|__SLUICE/);

  const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1] ?? '';
  const loaded = await fetch(service.url + script);
  assert.equal(loaded.status, 200);
  assert.equal(loaded.headers.get('cache-control'), 'public, max-age=31536000, immutable');
});

test('what stood at other addresses stands there still', async () => {
  assert.equal((await fetch(`${service.url}/docs/`)).status, 200);
  assert.equal((await fetch(`${service.url}/openapi.json`)).status, 200);
  for (const path of ['/assets/none.js', '/assets/..%2f..%2fpackage.json', '/nothing']) {
    const missing = await fetch(service.url + path);
    assert.equal(missing.status, 404, path);
    assert.match(missing.headers.get('content-type') ?? '', /^application\/problem\+json/, path);
  }
});

test('the cookie of the dashboard signs in, and a file is read through before it is sent', async (t) => {
  const page = await browser.open(t, service, { user: randomUUID() });
  await page.evaluate(`sessionStorage.clear()`);
  const value = flaskCookie({ user_id: randomUUID(), authenticated: true });
  await page.context().addCookies([{ name: 'session', value, url: service.url }]);
  await page.reload();
  await page.locator('.quota').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);

  await drop(page, FIVE_VIDEOS.slice(0, 1));
  await page.getByLabel('Check bit for bit').check();
  await page.getByLabel('Section').fill('archive');
  await page.getByLabel('Workflow').selectOption('Training');
  const asked = page.waitForRequest('**/initiate');
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  const body = (await asked).postDataJSON() as Record<string, unknown>;
  assert.match(String(body.sha256), /^[0-9a-f]{64}$/);
  assert.deepEqual(body.dashboard_context, { source_section: 'archive', workflow_type: 'training_upload' });
  await page.locator('.upload[data-state="done"]').waitFor();
  assert.deepEqual(await inspect(page, '30-cookie'), []);
});
