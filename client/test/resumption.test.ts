/** Uploads over a line that is cut again and again. A run is repeated by its seed: `SEED=17 node --test …`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSluiceApiError } from '../src/node.ts';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService, storedDigest } from './helpers/service.ts';
import { until } from './helpers/until.ts';
import { sha256Of, videoFile } from './helpers/videos.ts';

const RUNS = 50;
const SIZE = 1_500_000;
const service = startedService();
const seeds = process.env.SEED ? [Number(process.env.SEED)] : Array.from({ length: RUNS }, (_, i) => i + 1);

test(`${seeds.length} uploads through a cutting proxy arrive bit for bit and are counted once`, async () => {
  let cuts = 0;
  for (const seed of seeds) {
    const random = seededRandom(seed);
    const user = crypto.randomUUID();
    const file = videoFile(`run-${seed}.mp4`, Math.ceil(SIZE * (0.2 + random())), random);
    const before = service.proxy.cuts;
    service.proxy.set({ kind: 'cut', random, maxBytes: SIZE / 2 });
    const client = service.client({ user, retry: { baseMs: 1, maxMs: 20, attempts: 100 } });
    const session = await client.upload(file, { sha256: seed % 2 === 0 }).done;
    cuts += service.proxy.cuts - before;

    service.proxy.set({ kind: 'none' });
    assert.equal(session.status, 'completed', `seed ${seed}`);
    assert.equal(
      await storedDigest(service.process, session.session_id),
      await sha256Of(file),
      `seed ${seed}`,
    );
    const quota = await service.client({ user, baseUrl: service.process.url }).quota();
    assert.equal(quota.quota_used, file.size, `seed ${seed}`);
    assert.equal(quota.quota_reserved, 0, `seed ${seed}: one session, however many answers were lost`);
  }
  assert.ok(cuts >= seeds.length, `only ${cuts} cuts in ${seeds.length} runs`);
});

test('an upload outlives the death and the restart of the service', async () => {
  const random = seededRandom(100);
  const file = videoFile('survivor.mp4', 20_000_000, random);
  service.proxy.set({ kind: 'hold', bytes: 6_000_000 });
  const client = service.client();
  const upload = client.upload(file);
  await until(upload, ({ state, bytesUploaded }) => state === 'uploading' && bytesUploaded > 5_000_000);
  await service.process.kill('SIGKILL');
  service.proxy.set({ kind: 'none' });
  await until(upload, ({ retry }) => retry !== null);
  assert.equal(upload.snapshot().retry?.error.code, 'NETWORK_ERROR');
  await service.process.restart();
  const session = await upload.done;
  assert.equal(session.sha256, await sha256Of(file));
  assert.equal(upload.snapshot().session?.sessionId, session.session_id);
});

test('a silent connection is given up and the upload goes on over another', async () => {
  const file = videoFile('silent.mp4', 20_000_000, seededRandom(101));
  service.proxy.set({ kind: 'hold', bytes: 1_000_000 });
  const upload = service.client({ stallTimeoutMs: 1500 }).upload(file);
  await until(upload, ({ retry }) => retry !== null);
  service.proxy.set({ kind: 'none' });
  assert.equal((await upload.done).sha256, await sha256Of(file));
});

test('without any way to the service it ends as a network error, after the attempts that were asked for', async () => {
  service.proxy.set({ kind: 'refuse' });
  const client = service.client({ retry: { baseMs: 1, maxMs: 2, attempts: 3 } });
  const upload = client.upload(videoFile('nowhere.mp4', 1000, seededRandom(102)));
  await assert.rejects(upload.done, hasCode('NETWORK_ERROR'));
  assert.equal(upload.snapshot().state, 'failed');
  service.proxy.set({ kind: 'none' });
  upload.retry();
  await upload.done.catch((error) => assert.ok(isSluiceApiError(error), String(error)));
  assert.equal(upload.snapshot().state, 'done');
});
