import { test } from 'node:test';
import { createTestBucket, testS3 } from '../helpers/s3.ts';
import { manyWriters } from './many-writers.ts';
import { twoServices } from './two-services.ts';
import { sha256 } from './videos.ts';

test('many writers of one upload on S3 at two processes: acknowledged bytes stay, the file is right, counted once', {
  timeout: 240_000,
}, async (t) => {
  const bucket = await createTestBucket();
  t.after(() => bucket.remove());
  const { endpoint, credentials } = testS3();
  const env = {
    S3_BUCKET_NAME: bucket.bucket,
    S3_ENDPOINT: endpoint,
    S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
  };

  /** Of objects whole and unfinished, which count as well. */
  async function digestsOf(sessionId: string): Promise<string[]> {
    const { objects, uploads } = await bucket.contents();
    const unfinished = uploads.filter((key) => key.includes(sessionId)).map((key) => `unfinished ${key}`);
    const whole = objects.filter((key) => key.includes(sessionId)).map(digestOf);
    return [...(await Promise.all(whole)), ...unfinished];
  }

  async function digestOf(key: string): Promise<string> {
    const pieces: Uint8Array[] = [];
    for await (const piece of bucket.objects.read(key, { first: 0, length: null })) pieces.push(piece);
    return sha256(Buffer.concat(pieces));
  }

  await manyWriters(t, await twoServices(t, env, digestsOf));
});
