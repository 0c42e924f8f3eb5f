import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PutBucketCorsCommand } from '@aws-sdk/client-s3';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { launchChromium } from '../../scripts/lib/servers/chromium.ts';
import { fakeMp4 } from '../engine/service.ts';
import { createTestBucket, type TestBucket } from '../helpers/s3.ts';
import { json, startS3Service } from '../helpers/s3-service.ts';

/** Uppy's S3 plugin, as it is, in Chromium: its parts go from the page to the bucket. */

const MIB = 1 << 20;

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
  const rule = {
    AllowedOrigins: ['*'],
    AllowedMethods: ['PUT'],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag'],
  };
  await bucket.client.send(
    new PutBucketCorsCommand({ Bucket: bucket.bucket, CORSConfiguration: { CORSRules: [rule] } }),
  );
});
after(() => bucket.remove());

async function openPage(t: TestContext, content: Buffer): Promise<Page> {
  const entryPoints = [fileURLToPath(import.meta.resolve('./s3-uppy/page.js'))];
  const bundled = await build({ entryPoints, bundle: true, format: 'esm', write: false, logLevel: 'silent' });
  const script = bundled.outputFiles[0]?.text ?? '';
  const server = createServer((request, answer) => {
    if (request.url === '/page.js') {
      answer.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    } else if (request.url === '/content') {
      answer.end(content);
    } else {
      answer
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<script type="module" src="/page.js"></script>');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const browser = await launchChromium();
  t.after(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForFunction('window.start');
  return page;
}

async function initiate(t: TestContext, bytes: Buffer, more: object = {}) {
  const service = await startS3Service(t, bucket);
  const answer = await service.initiate({ transfer: 'direct', expected_file_size: bytes.length, ...more });
  const { session_id: sessionId, upload_url: uploadUrl, upload_instructions } = await json(answer);
  assert.ok(typeof sessionId === 'string' && typeof uploadUrl === 'string');
  const partSize = upload_instructions instanceof Object ? Reflect.get(upload_instructions, 'part_size') : 0;
  return { service, sessionId, input: { service: service.url, uploadUrl, partSize } };
}

/** Call a function of the page. */
function start(page: Page, input: object): Promise<unknown> {
  return page.evaluate(`window.start(${JSON.stringify(input)})`);
}

test('@uppy/aws-s3 sends a file in parts to the bucket, and it is completed', async (t) => {
  const bytes = fakeMp4(20 * MIB + 3);
  const { service, sessionId, input } = await initiate(t, bytes);
  const page = await openPage(t, bytes);
  const result = await start(page, input);
  assert.deepEqual(result, { successful: [`${service.url}/v1/uploads/${sessionId}`], failed: [] });
  const { status, sha256 } = await service.session(sessionId);
  assert.deepEqual(
    { status, sha256 },
    { status: 'completed', sha256: createHash('sha256').update(bytes).digest('hex') },
  );
});

test('@uppy/aws-s3 goes on where it was after a part failed', async (t) => {
  const bytes = fakeMp4(20 * MIB + 3);
  const { service, sessionId, input } = await initiate(t, bytes);
  const page = await openPage(t, bytes);
  let refused = 0;
  let sent = 0;
  await page.route(/partNumber=/, (route) => {
    if (route.request().method() !== 'PUT') return route.continue();
    sent += 1;
    if (!route.request().url().includes('partNumber=2&') || refused > 0) return route.continue();
    refused += 1;
    return route.fulfill({ status: 403, headers: { 'access-control-allow-origin': '*' }, body: '' });
  });
  const failed = await start(page, input);
  assert.ok(failed instanceof Object && Reflect.get(failed, 'failed').length === 1);
  await page.evaluate('retry()');
  assert.equal((await service.session(sessionId)).status, 'completed');
  assert.equal(sent, 4, 'the first part was not sent again');
});

test('@uppy/aws-s3 hears of a file that is refused, and cancelling cancels the session', async (t) => {
  const page = Buffer.alloc(MIB, '<html>');
  const refused = await initiate(t, page);
  const result = await start(await openPage(t, page), refused.input);
  assert.ok(result instanceof Object && Reflect.get(result, 'failed').length === 1);
  assert.equal((await refused.service.session(refused.sessionId)).status, 'failed');

  const bytes = fakeMp4(9 * MIB);
  const cancelled = await initiate(t, bytes);
  const tab = await openPage(t, bytes);
  await tab.route(/partNumber=2&/, async () => {
    await tab.evaluate('cancel()');
  });
  const gone = tab.waitForResponse((answer) => answer.request().method() === 'DELETE');
  void start(tab, cancelled.input).catch(() => {});
  assert.equal((await gone).status(), 200);
  assert.equal((await cancelled.service.session(cancelled.sessionId)).status, 'cancelled');
});
