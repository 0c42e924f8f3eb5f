import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { answerTo, createClient, offsetOf, openPatch, patchRest, writeOut } from '../e2e/client.ts';
import { serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { createRandom, sha256, videoOf } from '../e2e/videos.ts';
import { faultRow, SEED, secondsSince } from './fault-row.ts';
import { judgeLedger, partialFiles, realStores, redisFor } from './real-stores.ts';

const UPLOADS = 50;
const SIZE = 1_500_000;

test('SIGTERM with 50 running uploads: each goes on where it was cut', async (t) => {
  await faultRow(t, { fault: `SIGTERM with ${UPLOADS} running uploads`, checked: 'B' }, async (figures) => {
    const stores = await realStores(t);
    const env = { ...stores.env, ...redisFor(t) };
    const service = await serviceFor(t, { dataDir: stores.dataDir, env });
    const client = createClient(service, randomUUID());
    const random = createRandom(SEED);
    const uploads = await Promise.all(
      Array.from({ length: UPLOADS }, async (_, n) => {
        const session = await client.session(SIZE);
        const sent = Math.floor(SIZE * (0.1 + 0.8 * random()));
        return { ...session, file: videoOf(SIZE, SEED + n), sent };
      }),
    );
    const requests = await Promise.all(
      uploads.map(async ({ url, file, sent }) => {
        const request = openPatch(url, 0, SIZE);
        const answered = answerTo(request).catch(() => null);
        await writeOut(request, file.subarray(0, sent));
        return { request, answered };
      }),
    );
    // Every one of them is known to be running: some of its bytes are acknowledged.
    for (const { url } of uploads) await until('an upload runs', async () => (await offsetOf(url)) > 0);

    const toldAt = performance.now();
    figures['exit code'] = String(await service.kill('SIGTERM'));
    figures['ended after'] = `${secondsSince(toldAt)} s`;
    for (const { request, answered } of requests) {
      request.destroy();
      await answered;
    }
    await service.restart();

    let [stuck, keptBytes, sentBytes] = [0, 0, 0];
    for (const { id, url, file, sent } of uploads) {
      const offset = await offsetOf(url);
      keptBytes += offset;
      sentBytes += sent;
      assert(offset <= sent, `offset ${offset} of ${sent} bytes sent`);
      const status = await patchRest(url, file, offset);
      const { body } = await client.status(id);
      if (offset === 0 || status !== 204 || body.sha256 !== sha256(file)) stuck += 1;
    }
    const ids = uploads.map(({ id }) => id);
    const { lost, miscounted } = await judgeLedger(stores.database, ids);
    Object.assign(figures, {
      'could not resume': stuck,
      lost,
      miscounted,
      'bytes kept of those sent': `${((100 * keptBytes) / sentBytes).toFixed(1)} %`,
      'partial files': (await partialFiles(stores.dataDir)).length,
    });
    for (const zero of ['could not resume', 'lost', 'miscounted', 'partial files']) {
      assert.equal(figures[zero], 0, zero);
    }
    assert.equal(figures['exit code'], '0');
  });
});
