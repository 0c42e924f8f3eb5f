import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';

/** What a dashboard writes: keep each session's `upload_url` as metadata of its file, cut as the session says. */

const uppy = new Uppy();
let file = '';

/** JavaScript, because the types of Uppy would bring those of a browser into every test. */
async function start({ service, uploadUrl, partSize }) {
  uppy.use(AwsS3, {
    companionEndpoint: `${service}/v1/uploads`,
    shouldUseMultipart: true,
    getChunkSize: () => partSize,
    allowedMetaFields: ['upload_url'],
  });
  const data = await (await fetch('/content')).blob();
  file = uppy.addFile({ name: 'holiday.mp4', type: 'video/mp4', data, meta: { upload_url: uploadUrl } });
  const result = await uppy.upload();
  return {
    successful: result?.successful?.map(({ uploadURL }) => uploadURL),
    failed: result?.failed?.map(({ error }) => error),
  };
}

/** Called by the test, from outside of the page. */
Object.assign(globalThis, { start, retry: () => uppy.retryAll(), cancel: () => uppy.removeFile(file) });
