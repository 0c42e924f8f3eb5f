import { describe, test } from 'node:test';
import { curlUpload, streamOf, tusJsClient } from './node-clients.ts';
import { type Size, startTrial } from './trial.ts';

/** The clients of Node and the shell, as they are, over a line that is cut, delayed and reset. */
export function nodeClients(size: Size, timeout: number): void {
  describe('in Node and the shell', { concurrency: 3 }, () => trials(size, timeout));
}

function trials(size: Size, timeout: number): void {
  const megabytes = `${Math.round(size.file / 1e6)} MB`;
  for (const [how, options] of [
    ['in one request', {}],
    ['in chunks of 1 MB', { chunkSize: 1_000_000 }],
    ['with its first bytes in the creation', { uploadDataDuringCreation: true, chunkSize: 3_000_000 }],
    ['in three parallel parts', { parallelUploads: 3 }],
    ['by POST instead of PATCH', { overridePatchMethod: true }],
    ['speaking draft 03 of the IETF', { protocol: 'ietf-draft-03' }],
    ['speaking draft 05 of the IETF', { protocol: 'ietf-draft-05', chunkSize: 2_000_000 }],
  ] as const) {
    test(`tus-js-client in Node uploads ${megabytes} ${how}`, { timeout }, async (t) => {
      const trial = await startTrial(t, size);
      await trial.assertUploaded(await tusJsClient(trial, trial.file, options));
    });
  }

  test(`tus-js-client in Node uploads a stream of unknown length, ${megabytes}`, { timeout }, async (t) => {
    const trial = await startTrial(t, size);
    const options = { uploadLengthDeferred: true, chunkSize: 1_000_000 };
    await trial.assertUploaded(await tusJsClient(trial, streamOf(trial.file), options));
  });

  test(`tus-js-client in Node uploads ${megabytes} to S3, to the upload_url of a session`, {
    timeout,
  }, async (t) => {
    const trial = await startTrial(t, size, { backend: 'Redis and S3' });
    const url = await trial.uploadUrl();
    await trial.assertUploaded(await tusJsClient(trial, trial.file, { uploadUrl: url, endpoint: null }));
  });

  test(`curl -T uploads ${megabytes} to the upload_url of a session`, { timeout }, async (t) => {
    // It starts from zero each time.
    const trial = await startTrial(t, { ...size, maxFaults: 4 });
    const url = await trial.uploadUrl();
    await curlUpload(url, trial.file);
    await trial.assertUploaded(url);
  });
}
