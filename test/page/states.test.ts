import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { choose, drop, FIVE_VIDEOS, fixture, limitSpeed, longVideo } from './videos.ts';

const browser = startedBrowser();
let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess();
});
after(() => service?.stop());

/** A video with nothing behind its beginning, which takes no room on the disk. */
async function hugeVideo(t: TestContext, name: string, bytes: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-huge-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = await open(join(folder, name), 'w');
  await file.write(fixture('sample.mp4').buffer);
  await file.truncate(bytes);
  await file.close();
  return join(folder, name);
}

test('a file that is read first says so with a progress of its own, and a cancelled one offers a new start', async (t) => {
  const page = await browser.open(t, service);
  const opened = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose videos' }).click();
  await (await opened).setFiles(await hugeVideo(t, 'documentary.mp4', 450_000_000));
  await page.getByLabel('Check bit for bit').check();
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('.upload[data-state="hashing"]').waitFor();
  assert.deepEqual(await inspect(page, '70-reading'), []);
  await page.getByRole('button', { name: 'Cancel documentary.mp4' }).click();
  await page.locator('.upload[data-state="cancelled"]').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Start again documentary.mp4' }).count(), 1);
  assert.deepEqual(await inspect(page, '71-cancelled'), []);
});

test('more uploads than go at once wait, all can be paused and resumed together', async (t) => {
  const page = await browser.open(t, service, { reducedMotion: 'reduce' });
  await limitSpeed(page, 10_000);
  await drop(
    page,
    [...FIVE_VIDEOS.keys()].map((n) => longVideo(`reel-${n}.mp4`, 500_000 + n)),
  );
  await page.getByRole('button', { name: 'Upload 5 videos' }).click();
  await page.locator('.upload[data-state="uploading"]').nth(2).waitFor();
  await page.locator('.upload[data-state="waiting"]').nth(1).waitFor();
  const pace = await page.evaluate(
    `getComputedStyle(document.querySelector('.bar rect')).transitionDuration`,
  );
  assert.equal(pace, '0s', 'nothing glides where less motion was asked for');
  assert.deepEqual(await inspect(page, '72-waiting'), []);
  await page.getByRole('button', { name: 'Pause all' }).click();
  await page.locator('.upload[data-state="paused"]').nth(4).waitFor();
  await limitSpeed(page, 0);
  await page.getByRole('button', { name: 'Resume all' }).click();
  await page.locator('.upload[data-state="done"]').nth(4).waitFor();
});

test('an upload whose bytes are all there is verified before it is called done', async (t) => {
  const page = await browser.open(t, service);
  const held = Promise.withResolvers<void>();
  await page.route('**/v1/uploads/**', async (route) => {
    if (route.request().method() === 'GET') await held.promise;
    await route.continue();
  });
  await choose(page, 'Choose videos', [fixture('sample.webm')]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('.upload[data-state="verifying"]').waitFor();
  assert.deepEqual(await inspect(page, '73-verifying'), []);
  held.resolve();
  await page.locator('.upload[data-state="done"]').waitFor();
});
