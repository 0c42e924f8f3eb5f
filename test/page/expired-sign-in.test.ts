import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { drop, limitSpeed, longVideo } from './videos.ts';

const browser = startedBrowser();
let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess();
});
after(() => service?.stop());

const API = '**/v1/dashboard/upload/**';

/** From now on the token that the page has is one that ran out an hour ago; any other is sent as it is. */
async function expire(page: Page, user: string): Promise<void> {
  const past = `Bearer ${service.token({ user, ttl: -3600 })}`;
  let old: string | undefined;
  await page.route(API, (route) => {
    const headers = route.request().headers();
    old ??= headers.authorization;
    return route.continue({
      headers: headers.authorization === old ? { ...headers, authorization: past } : headers,
    });
  });
}

test('a sign-in that expires in mid-batch costs nothing: what runs goes on, what waits follows a new token', async (t) => {
  const user = randomUUID();
  const page = await browser.open(t, service, { user });
  await limitSpeed(page, 20_000);
  const videos = Array.from({ length: 5 }, (_, n) => longVideo(`night-${n}.mp4`, 1_000_000 + n));
  await drop(page, videos);
  await page.getByRole('button', { name: 'Upload 5 videos' }).click();
  await page.locator('.upload[data-state="uploading"]').nth(2).waitFor();
  await expire(page, user);
  await limitSpeed(page, 0);

  await page.locator('.upload[data-state="done"]').nth(2).waitFor();
  await page.getByText('Your sign-in has expired. Running uploads go on.').waitFor();
  const waiting = page.locator('.upload[data-state="waiting"]');
  await waiting.nth(1).waitFor();
  assert.equal(await waiting.count(), 2);
  assert.deepEqual(await inspect(page, '60-sign-in-expired'), []);

  await page.getByLabel('Access token').fill(service.token({ user, ttl: -10_000 }));
  await page.getByLabel('Access token').press('Enter');
  await page.getByText('The service did not take this token.').waitFor();
  await page.getByLabel('Access token').fill(service.token({ user, ttl: 1234 }));
  await page.getByLabel('Access token').press('Enter');
  await page.locator('.upload[data-state="done"]').nth(4).waitFor();
  await page.locator('.sign-in').waitFor({ state: 'detached' });
  assert.equal(await page.locator('.upload[data-state="failed"]').count(), 0);
});

test('who has signed in elsewhere meanwhile only needs to come back to the page', async (t) => {
  const user = randomUUID();
  const page = await browser.open(t, service, { user });
  await expire(page, user);
  await drop(page, [longVideo('patient.mp4', 50_000)]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('.sign-in').waitFor();
  await page.unroute(API);
  await page.evaluate(`window.dispatchEvent(new Event('focus'))`);
  await page.locator('.upload[data-state="done"]').waitFor();
  await page.locator('.sign-in').waitFor({ state: 'detached' });
});
