import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { connectS3 } from '../../src/stores/s3/connect.ts';
import { freePort } from './servers/free-port.ts';
import { type RunningPostgres, startPostgres } from './servers/postgres.ts';
import { type RunningSentinels, startRedisWithSentinels } from './servers/redis-sentinel.ts';
import { startS3 } from './servers/s3.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';

const BUCKET = 'uploads';

export interface TopologyOptions {
  readonly instances?: number;
  /** On top of what names the servers, for each instance. */
  readonly env?: Readonly<Record<string, string>>;
  /** Each instance gives URLs of its own address. Otherwise they are relative, good at whichever is asked. */
  readonly ownUrls?: boolean;
  /** What each instance writes is kept in a file there, `instance-1.log` and so on. */
  readonly logFolder?: string;
}

/** What deploy/compose.yaml describes, but for the watchers, as processes of this machine on free loopback ports. */
export interface Topology {
  readonly services: readonly ServiceProcess[];
  readonly redis: RunningSentinels;
  readonly postgres: RunningPostgres;
  /** `http://127.0.0.1:<port>` of the S3 server. */
  readonly s3Endpoint: string;
  /** Environment of the service, as an operator would set it. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startTopology(options: TopologyOptions = {}): Promise<Topology> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    // The services first: they say good-bye to the others.
    for (const one of stops.splice(0).reverse()) await one();
  };
  const keep = <T extends { stop(): Promise<void> }>(server: T): T => {
    stops.push(() => server.stop());
    return server;
  };
  try {
    const starting = [startRedisWithSentinels(), startPostgres(), startS3()] as const;
    // What did start is kept first, even where another one did not.
    await Promise.allSettled(starting.map(async (server) => keep(await server)));
    const [redis, postgres, s3] = await Promise.all(starting);
    const bucket = await createBucket(s3.env);
    const env = {
      SECRET_KEY: randomBytes(32).toString('hex'),
      REDIS_SENTINELS: redis.addresses,
      REDIS_SENTINEL_MASTER: redis.masterName,
      DATABASE_URL: postgres.url,
      ...bucket,
      ...options.env,
    };
    const services: ServiceProcess[] = [];
    for (let n = 0; n < (options.instances ?? 2); n += 1) {
      const PORT = String(await freePort());
      const own = options.ownUrls ? { PUBLIC_URL: `http://127.0.0.1:${PORT}` } : {};
      const { logFolder } = options;
      const log = logFolder === undefined ? {} : { logFile: join(logFolder, `instance-${n + 1}.log`) };
      services.push(
        keep(await startServiceProcess({ profile: 'production', env: { PORT, ...own, ...env }, ...log })),
      );
    }
    return { services, redis, postgres, s3Endpoint: bucket.S3_ENDPOINT, env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A line that gives a shell these variables. */
export function exportLine(env: Readonly<Record<string, string>>): string {
  const quoted = Object.entries(env).map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'`);
  return `export ${quoted.join(' ')}`;
}

/** Gives the variables by which the service finds it. */
async function createBucket(env: Readonly<Record<string, string>>) {
  const { SLUICE_TEST_S3_ENDPOINT: endpoint = '' } = env;
  const { SLUICE_TEST_S3_KEY: accessKeyId = '', SLUICE_TEST_S3_SECRET: secretAccessKey = '' } = env;
  const credentials = { accessKeyId, secretAccessKey };
  const client = connectS3({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials });
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } finally {
    client.destroy();
  }
  return {
    S3_BUCKET_NAME: BUCKET,
    S3_ENDPOINT: endpoint,
    S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}
