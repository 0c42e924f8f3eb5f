import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { choose, drop, FIVE_VIDEOS, limitSpeed, longVideo, underWay } from './videos.ts';

const browser = startedBrowser();
let service: ServiceProcess;
let small: ServiceProcess;
let impatient: ServiceProcess;
before(async () => {
  [service, small, impatient] = await Promise.all([
    startServiceProcess(),
    startServiceProcess({ env: { UPLOAD_DEFAULT_QUOTA: '100000' } }),
    // Seconds: a test waits for their end, and has begun, paused or finished an upload before.
    startServiceProcess({ env: { UPLOAD_SESSION_TTL: '10' } }),
  ]);
});
after(() => Promise.all([service?.stop(), small?.stop(), impatient?.stop()]));

test('an upload outlives the death of the service, and the page says what is the matter', async (t) => {
  const page = await browser.open(t, service);
  await limitSpeed(page, 300_000);
  await choose(page, 'Choose videos', [longVideo('stubborn.mp4', 12_000_000)]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await underWay(page);
  await service.kill('SIGKILL');

  await page.getByText('The service cannot be reached.').waitFor();
  assert.deepEqual(await inspect(page, '10-service-gone'), []);
  await limitSpeed(page, 0);
  await service.restart();
  await page.locator('.upload[data-state="done"]').waitFor();
  await page.getByText('The service cannot be reached.').waitFor({ state: 'detached' });
});

test('offline is told, and the upload goes on with the network', async (t) => {
  const page = await browser.open(t, service);
  await limitSpeed(page, 300_000);
  await choose(page, 'Choose videos', [longVideo('tunnel.mp4', 12_000_000)]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await underWay(page);
  await limitSpeed(page, 'offline');
  await page.getByText('It goes on by itself with the network.').waitFor();
  await page.getByText('You are offline. Uploads wait').waitFor();
  assert.deepEqual(await inspect(page, '11-offline'), []);
  await limitSpeed(page, 0);
  await page.locator('.upload[data-state="done"]').waitFor();
});

test('a batch that does not fit is told before the upload, and those that fit can go', async (t) => {
  const page = await browser.open(t, small);
  await drop(page, FIVE_VIDEOS);
  await page.getByText('These files need 174 kB, but only 98 kB are left.').waitFor();
  await page.getByText('3 of 5 would fit.').waitFor();
  assert.equal(await page.locator('.row[data-verdict="does_not_fit"]').count(), 2);
  assert.deepEqual(await inspect(page, '12-does-not-fit'), []);

  await page.getByRole('button', { name: 'Upload the 3 that fit' }).click();
  await page.locator('.upload[data-state="done"]').nth(2).waitFor();
  await page.getByText('None of them fits.').waitFor();
  assert.deepEqual(await inspect(page, '13-none-fits'), []);
});

test('a quota that is reached in mid-batch fails the upload with words and a next step', async (t) => {
  const user = randomUUID();
  const page = await browser.open(t, small, { user });
  // The page's own look at the quota comes too late: another device is faster.
  await page.route('**/v1/dashboard/upload/initiate', async (route) => {
    await fetch(`${small.url}/v1/dashboard/upload/initiate`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${small.token({ user })}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({
        dashboard_context: { source_section: 'elsewhere', workflow_type: 'single_upload' },
        expected_file_size: 90_000,
      }),
    });
    await route.continue();
  });
  await drop(page, FIVE_VIDEOS.slice(0, 1));
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.getByText('Your quota is full. Cancel an unfinished upload').first().waitFor();
  await page.getByRole('button', { name: 'Try again sample.mp4' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Choose the file' }).count(), 0, 'it has no name');
  assert.deepEqual(await inspect(page, '14-quota-reached'), []);
});

test('an expired session says so, and starts again with the same file', async (t) => {
  const page = await browser.open(t, impatient);
  await limitSpeed(page, 2_000);
  await choose(page, 'Choose videos', [longVideo('late.mp4', 98_000)]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.getByRole('button', { name: 'Pause late.mp4' }).click();
  await page.locator('.upload[data-state="paused"]').waitFor();
  await page.getByText('session has ended').first().waitFor();
  await limitSpeed(page, 0);
  await page.getByRole('button', { name: 'Resume late.mp4' }).click();
  await page.locator('.upload[data-state="expired"]').waitFor();
  assert.deepEqual(await inspect(page, '15-expired'), []);
  await page.getByRole('button', { name: 'Start again late.mp4' }).click();
  await page.locator('.upload[data-state="done"]').waitFor();
});

test('a second tab shows the upload of the first as it moves, and offers no second start', async (t) => {
  const user = randomUUID();
  const first = await browser.open(t, service, { user });
  const second = await browser.open(t, service, { user });
  await limitSpeed(first, 100_000);
  const video = longVideo('shared.mp4', 12_000_000);
  await choose(first, 'Choose videos', [video]);
  await first.getByRole('button', { name: 'Upload 1 video' }).click();
  await second.getByText('Uploading elsewhere right now').waitFor();
  await choose(second, 'Choose videos', [video]);
  await second.getByText('This file is being uploaded in another tab').waitFor();
  assert.deepEqual(await inspect(second, '16-second-tab'), []);
  await limitSpeed(first, 0);
  await first.locator('.upload[data-state="done"]').waitFor();
  await second.locator('.recent .row').waitFor();
});
