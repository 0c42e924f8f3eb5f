import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import { Upload } from 'tus-js-client';

/**
 * What a dashboard's page writes, with each client's own defaults but for the delays between attempts. Called by
 * the tests from outside. JavaScript, because the types would bring those of a browser into every test.
 */

const RETRY_DELAYS = Array.from({ length: 40 }, () => 50);
const STARTS_AGAIN = 20;

async function videoFile() {
  const blob = await (await fetch('/content')).blob();
  return new File([blob], 'holiday.mp4', { type: 'video/mp4' });
}

/** Gives the URL of the upload. Starts again where only the request for a final upload failed: it is not retried. */
async function tusJsClient({ endpoint, authorization, options = {} }) {
  const file = await videoFile();
  let left = STARTS_AGAIN;
  return new Promise((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint,
      headers: { Authorization: authorization },
      metadata: { filename: file.name, filetype: file.type },
      retryDelays: RETRY_DELAYS,
      onError(error) {
        left -= 1;
        if ('originalRequest' in error || left < 0) reject(error);
        else upload.start();
      },
      onSuccess: () => resolve(upload.url),
      ...options,
    });
    upload.start();
  });
}

async function uppyTus({ endpoint, authorization }) {
  const uppy = new Uppy().use(Tus, {
    endpoint,
    headers: { Authorization: authorization },
    retryDelays: RETRY_DELAYS,
  });
  return uploadedBy(uppy);
}

/** `upload_url` and `part_size` as initiate told them. */
async function uppyS3({ service, uploadUrl, partSize }) {
  const uppy = new Uppy().use(AwsS3, {
    companionEndpoint: `${service}/v1/uploads`,
    shouldUseMultipart: true,
    getChunkSize: () => partSize,
    allowedMetaFields: ['upload_url'],
  });
  return uploadedBy(uppy, { upload_url: uploadUrl });
}

/** What fails is tried again, as by a user who presses "retry". */
async function uploadedBy(uppy, meta = {}) {
  const data = await videoFile();
  uppy.addFile({ name: data.name, type: data.type, data, meta });
  let result = await uppy.upload();
  let attempts = 1;
  for (; result.failed.length > 0 && attempts < 30; attempts += 1) result = await uppy.retryAll();
  if (result.failed.length > 0) throw new Error(String(result.failed[0].error));
  return { url: result.successful[0].uploadURL, attempts };
}

Object.assign(globalThis, { tusJsClient, uppyTus, uppyS3 });
