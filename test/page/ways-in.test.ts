import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { choose, fixture, handOver } from './videos.ts';

const browser = startedBrowser();
let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess();
});
after(() => service?.stop());

/** A folder as a camera leaves it: videos at two depths, a hidden file, and something that is no video. */
async function cameraFolder(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-camera-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const folder = join(root, 'camera');
  await mkdir(join(folder, 'deep/deeper'), { recursive: true });
  await writeFile(join(folder, 'one.mp4'), fixture('sample.mp4').buffer);
  await writeFile(join(folder, 'deep/deeper/two.webm'), fixture('sample.webm').buffer);
  await writeFile(join(folder, '.hidden.mp4'), fixture('sample.mp4').buffer);
  await writeFile(join(folder, 'notes.txt'), 'no video');
  return folder;
}

async function namesChosen(page: Page): Promise<string[]> {
  await page.locator('.chosen .row').nth(1).waitFor();
  return (await page.locator('.chosen .row .name').allTextContents()).sort();
}

test('a folder is chosen: its videos at any depth are taken, the rest is told', async (t) => {
  const page = await browser.open(t, service);
  const opened = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a folder' }).click();
  await (await opened).setFiles(await cameraFolder(t));
  assert.deepEqual(await namesChosen(page), ['one.mp4', 'two.webm']);
  await page.locator('.note.bad', { hasText: 'notes.txt' }).waitFor();
  assert.deepEqual(await inspect(page, '50-folder'), []);
  await page.getByRole('button', { name: 'Upload 2 videos' }).click();
  await page.locator('.upload[data-state="done"]').nth(1).waitFor();
});

test('a folder is dropped, as from a window of files', async (t) => {
  const page = await browser.open(t, service);
  const folder = await cameraFolder(t);
  const line = await page.context().newCDPSession(page);
  const at = { x: 300, y: 300, data: { items: [], files: [folder], dragOperationsMask: 1 } };
  await line.send('Input.dispatchDragEvent', { type: 'dragEnter', ...at });
  await line.send('Input.dispatchDragEvent', { type: 'dragOver', ...at });
  await page.getByText('Let go to add them').waitFor();
  assert.deepEqual(await inspect(page, '51-held-over'), []);
  await line.send('Input.dispatchDragEvent', { type: 'drop', ...at });
  assert.deepEqual(await namesChosen(page), ['one.mp4', 'two.webm']);
});

test('a video is pasted, and shows a picture of itself', async (t) => {
  const page = await browser.open(t, service);
  await handOver(page, 'paste', [fixture('sample.webm')]);
  await page.locator('.chosen .tile canvas').waitFor();
  assert.deepEqual(await inspect(page, '52-pasted'), []);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('.upload[data-state="done"] .tile canvas').waitFor();
});

test('a dialog that is closed without a choice leaves nothing behind', async (t) => {
  const page = await browser.open(t, service);
  await page.getByRole('button', { name: 'Choose videos' }).click();
  await page.locator('input[type="file"]').waitFor({ state: 'attached' });
  await page.locator('input[type="file"]').dispatchEvent('cancel');
  await page.locator('input[type="file"]').waitFor({ state: 'detached' });
  await choose(page, 'Choose videos', [fixture('sample.mp4')]);
  await page.locator('.chosen .row').waitFor();
  assert.equal(await page.locator('input[type="file"]').count(), 0);
});
