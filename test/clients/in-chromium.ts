import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PutBucketCorsCommand } from '@aws-sdk/client-s3';
import { startClientPage } from './browser.ts';
import { type Size, startTrial, type Trial } from './trial.ts';

/** The clients of browsers, as they are, in Chromium, over a line that is cut, delayed and reset. */
export function chromiumClients(size: Size, timeout: number): void {
  describe('in Chromium', { concurrency: 2 }, () => {
    const megabytes = `${Math.round(size.file / 1e6)} MB`;
    for (const [how, options] of [
      ['in one request', {}],
      ['in chunks of 1 MB', { chunkSize: 1_000_000 }],
      ['in three parallel parts', { parallelUploads: 3 }],
    ] as const) {
      test(`tus-js-client uploads ${megabytes} ${how}`, { timeout }, async (t) => {
        const page = await startClientPage(t);
        const trial = await startTrial(t, size, { pageOrigin: page.origin });
        const { endpoint, authorization, file } = trial;
        const url = await page.call('tusJsClient', { endpoint, authorization, options }, file);
        await trial.assertUploaded(String(url));
      });
    }

    test(`Uppy with @uppy/tus uploads ${megabytes}`, { timeout }, async (t) => {
      const page = await startClientPage(t);
      const trial = await startTrial(t, size, { pageOrigin: page.origin });
      const { endpoint, authorization, file } = trial;
      const { url, attempts } = asResult(await page.call('uppyTus', { endpoint, authorization }, file));
      assert.equal(attempts, 1, 'it goes on by itself');
      await trial.assertUploaded(url);
    });

    test('Uppy with @uppy/aws-s3 uploads to the bucket itself, in parts', { timeout }, async (t) => {
      const page = await startClientPage(t);
      // Several parts, the smallest of which is 8 MiB.
      const trial = await startTrial(
        t,
        { ...size, file: Math.max(size.file, 20_000_000), meanBytesPerFault: 6_000_000 },
        { backend: 'Redis and S3', pageOrigin: page.origin, lineToS3: true },
      );
      await letPageIn(trial, page.origin);
      const { url, partSize } = await directSession(trial);
      const input = { service: trial.line.url, uploadUrl: url, partSize };
      const { attempts } = asResult(await page.call('uppyS3', input, trial.file));
      t.diagnostic(`tried ${attempts} times`);
      await trial.assertUploaded(url);
    });
  });
}

function asResult(value: unknown): { readonly url: string; readonly attempts: number } {
  assert.ok(value instanceof Object && 'url' in value && 'attempts' in value);
  return { url: String(value.url), attempts: Number(value.attempts) };
}

/** What an operator sets on the bucket, so that pages may send to it. */
async function letPageIn({ backend }: Trial, origin: string): Promise<void> {
  if (!backend.bucket) throw new TypeError('its files are not in S3');
  const rule = {
    AllowedOrigins: [origin],
    AllowedMethods: ['PUT'],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag'],
  };
  const { client, bucket } = backend.bucket;
  const CORSConfiguration = { CORSRules: [rule] };
  await client.send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration }));
}

async function directSession({ context, user, file }: Trial) {
  const answer = await context.json(user, 'POST', 'initiate', {
    dashboard_context: { source_section: 'suite', workflow_type: 'single_upload' },
    expected_file_size: file.length,
    transfer: 'direct',
  });
  assert.equal(answer.status, 201, answer.text);
  const { upload_url, upload_instructions } = answer.json();
  assert.ok(upload_instructions instanceof Object && 'part_size' in upload_instructions);
  return { url: String(upload_url), partSize: upload_instructions.part_size };
}
