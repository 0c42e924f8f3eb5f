import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { choose, drop, FIVE_VIDEOS, fixture, limitSpeed, longVideo, underWay } from './videos.ts';

const browser = startedBrowser();
let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess();
});
after(() => service?.stop());

test('five dropped videos are uploaded and verified', async (t) => {
  const page = await browser.open(t, service);
  assert.ok(!page.url().includes('token='), 'the token has left the address bar');
  assert.deepEqual(await inspect(page, '01-empty'), []);

  await drop(page, FIVE_VIDEOS);
  await page.getByRole('button', { name: 'Upload 5 videos' }).waitFor();
  assert.deepEqual(await inspect(page, '02-chosen'), []);

  await page.getByRole('button', { name: 'Upload 5 videos' }).click();
  await page.locator('.upload[data-state="done"]').nth(4).waitFor();
  assert.deepEqual(await inspect(page, '03-done'), []);

  await page.getByRole('button', { name: 'Clear finished' }).click();
  await page.locator('.recent .row').nth(4).waitFor();
  await page.reload();
  await page.locator('.recent .row').nth(4).waitFor();
  assert.deepEqual(await inspect(page, '04-recent'), []);
});

test('a file that is no video is refused with the formats that are taken', async (t) => {
  const page = await browser.open(t, service);
  await drop(page, [fixture('page.html'), fixture('text.mp4')]);
  await page.getByText('Accepted: MP4, AVI, MOV, MKV, WEBM').waitFor();
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('.upload[data-state="failed"]').waitFor();
  await page.locator('[data-announcer="assertive"]', { hasText: 'text.mp4: Failed' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Choose another file' }).count(), 1);
  assert.deepEqual(await inspect(page, '05-wrong-format'), []);
});

test('an upload is paused, resumed, and told in quarters', async (t) => {
  const page = await browser.open(t, service);
  await limitSpeed(page, 400_000);
  await choose(page, 'Choose videos', [longVideo('holiday.mp4', 8_000_000)]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('[data-announcer="polite"]', { hasText: 'holiday.mp4: 25%' }).waitFor();
  assert.deepEqual(await inspect(page, '06-uploading'), []);

  await page.getByRole('button', { name: 'Pause holiday.mp4' }).click();
  await page.locator('.upload[data-state="paused"]').waitFor();
  assert.deepEqual(await inspect(page, '07-paused'), []);

  await limitSpeed(page, 0);
  await page.getByRole('button', { name: 'Resume holiday.mp4' }).click();
  await page.locator('.upload[data-state="done"]').waitFor();
});

test('after a reload in mid-upload the same file goes on where it stopped', async (t) => {
  const page = await browser.open(t, service);
  await limitSpeed(page, 300_000);
  const video = longVideo('interrupted.mp4', 12_000_000);
  await choose(page, 'Choose videos', [video]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await underWay(page);
  await page.reload();

  await page.locator('.sessions .row').waitFor();
  await page.getByRole('button', { name: 'Choose the file' }).waitFor();
  assert.deepEqual(await inspect(page, '08-unfinished'), []);
  await choose(page, 'Choose the file', [fixture('sample.mp4')]);
  await page.getByText('This is not the file that was begun.').waitFor();

  await limitSpeed(page, 0);
  const offsets: number[] = [];
  page.on('request', (request) => {
    const offset = request.headers()['upload-offset'];
    if (request.method() === 'PATCH' && offset) offsets.push(Number(offset));
  });
  await choose(page, 'Choose the file', [video]);
  await page.locator('.upload[data-state="done"]').waitFor();
  assert.ok((offsets[0] ?? 0) > 0, 'it began behind the first byte');
});
