import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, DeleteBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import type { BlobStore, Part, PartList } from '../../src/core/ports.ts';
import { createS3BlobStore, type S3BlobStoreOptions } from '../../src/stores/s3/blob-store.ts';
import { createCalls, DEFAULT_DEADLINES } from '../../src/stores/s3/call.ts';
import { connectS3, type S3Connection } from '../../src/stores/s3/connect.ts';
import { createMultipart, type Multipart } from '../../src/stores/s3/multipart.ts';
import { createObjects, type Objects } from '../../src/stores/s3/objects.ts';

/** The S3 server that the test run started. */
export function testS3(): S3Connection & { readonly endpoint: string } {
  const { SLUICE_TEST_S3_ENDPOINT, SLUICE_TEST_S3_KEY, SLUICE_TEST_S3_SECRET } = process.env;
  assert.ok(
    SLUICE_TEST_S3_ENDPOINT && SLUICE_TEST_S3_KEY && SLUICE_TEST_S3_SECRET,
    'npm test starts the S3 server of the tests; run them through it',
  );
  return {
    endpoint: SLUICE_TEST_S3_ENDPOINT,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: SLUICE_TEST_S3_KEY, secretAccessKey: SLUICE_TEST_S3_SECRET },
  };
}

export interface TestBucket {
  readonly client: S3Client;
  readonly bucket: string;
  /** S3's own calls, past the blob store. */
  readonly multipart: Multipart;
  readonly objects: Objects;
  /** Everything in the bucket: objects, and uploads that are neither completed nor aborted. */
  contents(): Promise<{ objects: string[]; uploads: string[] }>;
  remove(): Promise<void>;
}

/** What is promised of bytes must not fail because the machine stood still for a moment; deadlines are tested as such. */
const PATIENT = { callMs: 30_000, transferMs: 60_000 };

/** A bucket of its own for one test file or test. */
export async function createTestBucket(): Promise<TestBucket> {
  const client = connectS3(testS3());
  const bucket = `sluice-test-${randomBytes(6).toString('hex')}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const calls = createCalls({ ...DEFAULT_DEADLINES, ...PATIENT });
  const objects = createObjects({ client, bucket, calls });
  const multipart = createMultipart({ client, bucket, calls, look: objects.check });

  return {
    client,
    bucket,
    multipart,
    objects,

    async contents() {
      const found: { objects: string[]; uploads: string[] } = { objects: [], uploads: [] };
      for await (const { key } of objects.list('')) found.objects.push(key);
      for await (const { key } of multipart.open('')) found.uploads.push(key);
      return found;
    },

    async remove() {
      for await (const upload of multipart.open('')) await multipart.abort(upload);
      for await (const { key } of objects.list('')) await objects.remove([key]);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
}

/**
 * The blob store with somebody who acknowledges what its writers store, as the session store does: a part list
 * that takes in every progress that is asked for.
 */
export function createAcknowledgedStore(
  options: Omit<S3BlobStoreOptions, 'partList'>,
): ReturnType<typeof createS3BlobStore> {
  const known = new Map<string, Map<number, Part>>();
  const partList: PartList = {
    parts: async (sessionId) => [...(known.get(sessionId)?.values() ?? [])],
  };
  const store = createS3BlobStore({ ...options, deadlines: { ...PATIENT, ...options.deadlines }, partList });
  const open: BlobStore['open'] = async (ref, at) => {
    const writer = await store.blobs.open(ref, at);
    return {
      ...writer,
      progress() {
        const progress = writer.progress();
        const parts = known.get(ref.sessionId) ?? new Map<number, Part>();
        known.set(ref.sessionId, parts);
        for (const part of progress.parts ?? []) parts.set(part.index, part);
        writer.committed?.(progress.storage);
        return progress;
      },
    };
  };
  return { ...store, blobs: { ...store.blobs, open } };
}
