import { tmpdir } from 'node:os';
import { CreateBucketCommand, DeleteObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { startS3 } from '../../scripts/lib/servers/s3.ts';
import { OURS, type Running, type Workload } from '../harness/contract.ts';
import { cpuSeconds } from '../harness/process-usage.ts';
import { sendAtOnce } from '../load/uploads.ts';
import { startSluice } from '../peers/sluice.ts';
import { startTusd, TUSD_PATH, tusd } from '../peers/tusd.ts';
import { settleDisk } from './byte-servers.ts';

const REGION = 'us-east-1';
const BUCKETS = { ours: 'ours', theirs: 'theirs' };

export const s3: Workload = {
  id: 's3',
  title: 'One file of 500 MiB in one PATCH, through to a local S3 server',
  peers: [tusd],
  measures: {
    rate: { title: '500 MiB to S3', unit: 'MB/s' },
    cpu: { title: '500 MiB to S3: CPU', unit: 's/GiB' },
  },
  async run(bench) {
    const server = bench.keep(await startS3());
    const { SLUICE_TEST_S3_ENDPOINT: endpoint = '', SLUICE_TEST_S3_KEY: id = '' } = server.env;
    const credentials = {
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: server.env.SLUICE_TEST_S3_SECRET ?? '',
    };
    const buckets = bench.keep(openBuckets(endpoint, credentials));
    await buckets.create();
    const running = await bench.start({
      [OURS]: () =>
        startSluice({
          env: {
            ...credentials,
            ...{
              USE_LOCAL_STORAGE: 'false',
              USE_S3: 'true',
              S3_BUCKET_NAME: BUCKETS.ours,
              S3_ENDPOINT: endpoint,
            },
            ...{ S3_FORCE_PATH_STYLE: 'true', AWS_DEFAULT_REGION: REGION },
          },
        }),
      tusd: () =>
        startTusd(['-s3-bucket', BUCKETS.theirs, '-s3-endpoint', endpoint], {
          ...credentials,
          AWS_REGION: REGION,
        }),
    });
    const size = bench.sized(500, 12) * (1 << 20);
    await bench.alternate(running, async (one: Running) => {
      // Where the server keeps its buckets; every upload is written there twice, as parts and as one object.
      settleDisk(tmpdir());
      const before = cpuSeconds(one.pid);
      const seconds = await sendAtOnce({ running: one, way: 'tus', size, path: TUSD_PATH }, 1);
      const cpu = (cpuSeconds(one.pid) - before) / (size / 2 ** 30);
      await buckets.empty();
      return { rate: size / 1e6 / seconds, cpu };
    });
  },
};

function openBuckets(
  endpoint: string,
  keys: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string },
) {
  const credentials = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY };
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
  const names = Object.values(BUCKETS);
  return {
    async create(): Promise<void> {
      for (const Bucket of names) await client.send(new CreateBucketCommand({ Bucket }));
    },

    async empty(): Promise<void> {
      for (const Bucket of names) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
        for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
      }
    },

    stop: async () => client.destroy(),
  };
}
