import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Uppy } from '@uppy/core';
import type { SessionStatus, SluiceClient } from '../src/node.ts';
import { Sluice } from '../src/uppy/index.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService } from './helpers/service.ts';
import { videoFile } from './helpers/videos.ts';

const service = startedService();
const random = seededRandom(7);

function uppyWith(client: SluiceClient) {
  const uppy = new Uppy({ logger: { debug() {}, warn() {}, error() {} } });
  uppy.use(Sluice, {
    client,
    upload: (file) => ({ context: { source_section: 'uppy', metadata: { extension: file.extension } } }),
  });
  return uppy;
}

function add(uppy: Uppy, file: File): string {
  return uppy.addFile({ name: file.name, type: file.type, data: file });
}

test('uppy.upload() resolves when the service has verified the files', async () => {
  const client = service.client();
  const uppy = uppyWith(client);
  const ids = [
    add(uppy, videoFile('x.mp4', 700_000, random)),
    add(uppy, videoFile('y.mp4', 900_000, random)),
  ];
  const progress: number[] = [];
  uppy.on('upload-progress', (_, { bytesUploaded }) => progress.push(bytesUploaded ?? 0));
  const result = await uppy.upload();
  assert.deepEqual(
    result?.successful?.map(({ id }) => id),
    ids,
  );
  assert.deepEqual(result?.failed, []);
  const session = result?.successful?.[0]?.response?.body as unknown as SessionStatus;
  assert.equal(session.status, 'completed');
  assert.deepEqual(session.dashboard_context.metadata, { extension: 'mp4' });
  assert.ok(progress.includes(900_000));
  assert.equal((await client.quota()).quota_used, 1_600_000);
  assert.equal(uppy.getFile(ids[0] ?? '').progress.percentage, 100);
});

test('a refused file fails with the reason of the service, and the others go on', async () => {
  const uppy = uppyWith(service.client());
  add(uppy, new File(['text '.repeat(2000)], 'text.mp4', { type: 'video/mp4' }));
  add(uppy, videoFile('good.mp4', 500_000, random));
  const result = await uppy.upload();
  assert.equal(result?.successful?.length, 1);
  const [failed] = result?.failed ?? [];
  assert.equal(
    (failed?.response?.body as { error_code?: string } | undefined)?.error_code,
    'UNSUPPORTED_FORMAT',
  );
  assert.match(failed?.error ?? '', /\w/);
});

test('pausing, resuming and removing a file reach its session', async () => {
  const client = service.client();
  const uppy = uppyWith(client);
  service.proxy.set({ kind: 'hold', bytes: 500_000 });
  const kept = add(uppy, videoFile('kept.mp4', 9_000_000, random));
  const removed = add(uppy, videoFile('removed.mp4', 9_000_000, random));
  const moving = new Set<string>();
  const { promise: bothMove, resolve } = Promise.withResolvers<void>();
  uppy.on('upload-progress', (file, { bytesUploaded }) => {
    if (file && bytesUploaded) moving.add(file.id);
    if (moving.size === 2) resolve();
  });
  const result = uppy.upload();
  await bothMove;
  uppy.pauseResume(kept);
  uppy.removeFile(removed);
  service.proxy.set({ kind: 'none' });
  uppy.pauseResume(kept);
  assert.deepEqual(
    (await result)?.successful?.map(({ id }) => id),
    [kept],
  );
  const quota = await client.quota();
  assert.equal(quota.quota_used, 9_000_000);
  assert.equal(quota.quota_reserved, 0);
});
