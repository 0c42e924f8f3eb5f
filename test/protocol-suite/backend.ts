import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { filesOfSession } from '../e2e/stored-files.ts';
import { createTestBucket, type TestBucket, testS3 } from '../helpers/s3.ts';

/** What a service keeps its sessions and its bytes in. */
export const BACKENDS = ['SQLite and disk', 'Redis and disk', 'Redis and S3'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** The real service in a process of its own, and a look at what it stores. */
export interface Backend {
  readonly name: BackendName;
  readonly service: ServiceProcess;
  /** Where its files are, if they are in S3. */
  readonly bucket: TestBucket | null;
  /** Everything that is stored of a session: its file, or a partial one, or what should not be there. */
  stored(sessionId: string): Promise<StoredThing[]>;
  /** End it and remove what it kept. */
  stop(): Promise<void>;
}

export interface StoredThing {
  readonly name: string;
  sha256(): Promise<string>;
}

export async function startBackend(
  name: BackendName,
  env: Readonly<Record<string, string>> = {},
): Promise<Backend> {
  const sessions = name === 'SQLite and disk' ? noRedis : redisOfTheRun();
  const storage = name === 'Redis and S3' ? await bucketOfItsOwn() : onDisk();
  const service = await startServiceProcess({ env: { ...sessions.env, ...storage.env, ...env } });
  return {
    name,
    service,
    bucket: storage.bucket,
    stored: (sessionId) => storage.stored(sessionId, service),
    async stop() {
      await service.stop();
      await Promise.all([sessions.remove(), storage.remove()]);
    },
  };
}

const noRedis = { env: {}, remove: async () => {} };

function redisOfTheRun() {
  const port = Number(process.env.SLUICE_TEST_REDIS_PORT);
  if (!port) throw new Error('SLUICE_TEST_REDIS_PORT is not set: run the tests with "npm test".');
  const prefix = `suite_${randomUUID().slice(0, 8)}`;
  return {
    env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port), REDIS_KEY_PREFIX: prefix },
    async remove() {
      const redis = new Redis({ host: '127.0.0.1', port });
      const keys = await redis.keys(`${prefix}:*`);
      if (keys.length > 0) await redis.unlink(keys);
      redis.disconnect();
    },
  };
}

function onDisk() {
  return {
    env: {},
    bucket: null,
    async stored(sessionId: string, { dataDir }: ServiceProcess) {
      return filesOfSession(dataDir, sessionId).map((path) => ({
        name: path.slice(dataDir.length),
        sha256: async () => hashOf(await readFile(path)),
      }));
    },
    remove: async () => {},
  };
}

async function bucketOfItsOwn() {
  const ofItsOwn = await createTestBucket();
  const { client, bucket, contents, remove } = ofItsOwn;
  const { endpoint, credentials } = testS3();
  return {
    bucket: ofItsOwn,
    env: {
      S3_BUCKET_NAME: bucket,
      S3_ENDPOINT: endpoint,
      S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
    },
    async stored(sessionId: string) {
      const { objects, uploads } = await contents();
      const ours = (key: string) => key.includes(sessionId);
      const open = uploads.filter(ours).map((key) => `an open multipart upload to ${key}`);
      return [...objects.filter(ours), ...open].map((name) => ({
        name,
        async sha256() {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
          return hashOf((await Body?.transformToByteArray()) ?? new Uint8Array());
        },
      }));
    },
    remove,
  };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
