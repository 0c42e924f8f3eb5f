import { after, before } from 'node:test';
import { createAcknowledgedStore, createTestBucket, type TestBucket } from '../helpers/s3.ts';
import { blobStoreContract } from './blob-store/suite.ts';

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
});
after(() => bucket.remove());

blobStoreContract('s3', async () => createAcknowledgedStore(bucket).blobs);
