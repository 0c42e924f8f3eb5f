import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import type { PageRun, PageRunResult } from '../../client/test/helpers/page-run.ts';
import { seededRandom } from '../../client/test/helpers/random.ts';
import { startedService, storedDigest } from '../../client/test/helpers/service.ts';
import { launchChromium } from '../../scripts/lib/servers/chromium.ts';

const SIZE = 1_500_000;

/**
 * Uploads with @sluice/client in a real browser, through a proxy that cuts its connections at random bytes, one run
 * per seed: the stored file is the one sent, and it is counted once.
 *
 * @param seeds each is a run; a failure names its own.
 * @param timeout of all of them, in milliseconds.
 */
export function packageInChromium(seeds: readonly number[], timeout: number): void {
  const service = startedService();

  test(`${seeds.length} uploads from a browser through a cutting proxy arrive bit for bit and are counted once`, {
    timeout,
  }, async (t) => {
    const page = await pageOf(t, service.url);
    let cuts = 0;
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const user = randomUUID();
      const size = Math.ceil(SIZE * (0.2 + random()));
      const before = service.proxy.cuts;
      service.proxy.set({ kind: 'cut', random, maxBytes: SIZE / 2 });
      const run = {
        ...{ seed, size, baseUrl: service.url, token: service.token(user) },
        declare: seed % 2 === 0,
      };
      const { sessionId, status, sha256 } = await uploadIn(page, run);
      cuts += service.proxy.cuts - before;

      service.proxy.set({ kind: 'none' });
      assert.equal(status, 'completed', `seed ${seed}`);
      assert.equal(await storedDigest(service.process, sessionId), sha256, `seed ${seed}`);
      const quota = await service.client({ user, baseUrl: service.process.url }).quota();
      assert.equal(quota.quota_used, size, `seed ${seed}`);
      assert.equal(quota.quota_reserved, 0, `seed ${seed}: one session, however many answers were lost`);
    }
    t.diagnostic(`${cuts} connections were cut`);
    assert.ok(cuts >= seeds.length, `only ${cuts} cuts in ${seeds.length} runs`);
  });
}

function uploadIn(page: Page, run: PageRun): Promise<PageRunResult> {
  return page.evaluate(async (it) => {
    const path = '/package/in-page.js';
    const { uploadOne } = await import(path);
    return uploadOne(it);
  }, run);
}

/** An empty page of that origin. It and the package in it come from here, and so are not cut. */
async function pageOf(t: TestContext, origin: string): Promise<Page> {
  const scripts = await bundled();
  const browser = await launchChromium();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.route('**/package/**', (route) => {
    const body = scripts.get(new URL(route.request().url()).pathname);
    return body === undefined
      ? route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>package</title>' })
      : route.fulfill({ contentType: 'text/javascript', body });
  });
  await page.goto(`${origin}/package/`);
  return page;
}

/** The package with its worker, by their paths. */
async function bundled(): Promise<Map<string, string>> {
  const file = (name: string) => fileURLToPath(new URL(`../../client/${name}`, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [file('test/helpers/in-page.ts'), file('src/hash/sha256-worker.ts')],
    outdir: '/package',
    entryNames: '[name]',
    conditions: ['browser'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}
