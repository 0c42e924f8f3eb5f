import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Backend, startBackend } from '../protocol-suite/backend.ts';
import { inspect, startedBrowser } from './browser.ts';
import { choose, drop, FIVE_VIDEOS, limitSpeed, longVideo, underWay } from './videos.ts';

const browser = startedBrowser();
let backend: Backend;
before(async () => {
  backend = await startBackend('Redis and S3');
});
after(() => backend?.stop());

test('on Redis and S3, five dropped videos are uploaded and verified', async (t) => {
  const page = await browser.open(t, backend.service);
  await drop(page, FIVE_VIDEOS);
  await page.getByRole('button', { name: 'Upload 5 videos' }).click();
  await page.locator('.upload[data-state="done"]').nth(4).waitFor();
  assert.deepEqual(await inspect(page, '40-redis-s3-done'), []);
});

test('on Redis and S3, one upload outlives a pause, the death of the service and a reload', async (t) => {
  const page = await browser.open(t, backend.service);
  const video = longVideo('odyssey.mp4', 12_000_000);
  const sent = new Map<object, number>();
  page.on('request', (request) => {
    if (request.method() === 'PATCH') sent.set(request, Number(request.headers()['upload-offset']));
  });
  // Who asks for the offset before the service has seen the pause is told where the bytes are by the refusal.
  page.on('response', (response) => {
    if (response.status() === 409) sent.delete(response.request());
  });
  await limitSpeed(page, 600_000);
  await choose(page, 'Choose videos', [video]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await underWay(page);
  await page.getByRole('button', { name: 'Pause odyssey.mp4' }).click();
  await page.locator('.upload[data-state="paused"]').waitFor();
  await page.getByRole('button', { name: 'Resume odyssey.mp4' }).click();

  await underWay(page, 15);
  await backend.service.kill('SIGKILL');
  await page.getByText('The service cannot be reached.').waitFor();
  await backend.service.restart();
  await page.getByText('The service cannot be reached.').waitFor({ state: 'detached' });
  await underWay(page, 25);
  await page.reload();

  await page.getByRole('button', { name: 'Choose the file' }).waitFor();
  const before = sent.size;
  await limitSpeed(page, 0);
  await choose(page, 'Choose the file', [video]);
  await page.locator('.upload[data-state="done"]').waitFor();
  const offsets = [...sent.values()];
  assert.deepEqual(
    offsets.slice(1).filter((offset) => offset === 0),
    [],
    `no byte of the beginning went twice: ${offsets}`,
  );
  assert.ok(offsets.length > before, 'the last part went after the reload');

  const [id] = await page.evaluate<string[]>(`(localStorage.getItem('sluice.recent') ?? '').split(' ')`);
  const [file, ...more] = await backend.stored(id ?? assert.fail('the page remembers the upload'));
  assert.deepEqual(more, [], 'one object, no open multipart upload');
  assert.equal(await file?.sha256(), createHash('sha256').update(video.buffer).digest('hex'));
});
