import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from 'happy-dom';
import { act, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import type { SluiceClient } from '../src/node.ts';
import { type UseQuota, type UseUpload, useQuota, useUpload } from '../src/react/index.ts';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService } from './helpers/service.ts';
import { videoFile } from './helpers/videos.ts';

const service = startedService({ UPLOAD_DEFAULT_QUOTA: '10000000' });
const random = seededRandom(6);
Reflect.set(globalThis, 'IS_REACT_ACT_ENVIRONMENT', true);
/** As much of a browser as React needs; requests go over the network of Node all the same. */
const window = new Window();
Reflect.set(globalThis, 'window', window);
Reflect.set(globalThis, 'document', window.document);

/** A component that uses both hooks, and what they gave it last. */
async function mounted(client: SluiceClient) {
  const seen: { upload?: UseUpload; quota?: UseQuota } = {};
  // biome-ignore lint/correctness/noComponentHookFactories: each test has one page, which it looks into.
  function Page() {
    seen.upload = useUpload(client);
    seen.quota = useQuota(client);
    return null;
  }
  const page = createRoot(document.createElement('div'));
  await act(async () => page.render(createElement(Page)));
  const now = () => {
    assert.ok(seen.upload && seen.quota);
    return { upload: seen.upload, quota: seen.quota };
  };
  /** Lets React work until the condition holds. */
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await act(() => new Promise((resolve) => setImmediate(resolve)));
  }
  return { now, until, unmount: () => act(async () => page.unmount()) };
}

test('useUpload lists uploads as they go, and useQuota is asked again when they begin and end', async () => {
  const page = await mounted(service.client());
  await page.until(() => page.now().quota.quota?.quota_used === 0);
  // What an `<input type="file">` may have: no files at all.
  await act(async () => assert.deepEqual((await page.now().upload.start(null)).files, []));

  const files = [videoFile('a.mp4', 1_000_000, random), videoFile('b.mp4', 2_000_000, random)];
  await act(async () => void (await page.now().upload.start(files)));
  assert.deepEqual(
    page.now().upload.uploads.map(({ filename }) => filename),
    ['a.mp4', 'b.mp4'],
  );
  await page.until(() => page.now().upload.uploads.every(({ state }) => state === 'done'));
  await page.until(() => page.now().quota.quota?.quota_used === 3_000_000);

  const [first] = page.now().upload.uploads;
  await act(async () => page.now().upload.remove(first?.id ?? ''));
  assert.equal(page.now().upload.uploads.length, 1);
  await page.unmount();
});

test('a batch that does not fit throws, and lists nothing', async () => {
  const page = await mounted(service.client());
  const { start } = page.now().upload;
  await act(async () => {
    await assert.rejects(start([videoFile('big.mp4', 11_000_000, random)]), hasCode('QUOTA_EXCEEDED'));
  });
  assert.deepEqual(page.now().upload.uploads, []);
  await page.unmount();
});

test('pause, resume, cancel and retry reach the upload that is meant', async () => {
  service.proxy.set({ kind: 'hold', bytes: 500_000 });
  const page = await mounted(service.client());
  const state = () => page.now().upload.uploads[0]?.state;
  await act(async () => void (await page.now().upload.start([videoFile('c.mp4', 9_000_000, random)])));
  const id = page.now().upload.uploads[0]?.id ?? '';
  await page.until(() => state() === 'uploading');
  await act(async () => page.now().upload.pause(id));
  await page.until(() => state() === 'paused');
  await act(async () => page.now().upload.resume(id));
  await page.until(() => state() === 'uploading');
  await act(() => page.now().upload.cancel(id));
  assert.equal(state(), 'cancelled');
  service.proxy.set({ kind: 'none' });
  await act(async () => page.now().upload.retry(id));
  await page.until(() => state() === 'done');
  await page.unmount();
});

test('useQuota tells why it has no answer', async () => {
  const page = await mounted(service.client({ token: 'bad' }));
  await page.until(() => page.now().quota.error?.code === 'UNAUTHENTICATED');
  assert.equal(page.now().quota.quota, null);
  await page.unmount();
});
