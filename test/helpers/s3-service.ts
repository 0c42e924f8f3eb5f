import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { startService } from '../../src/main.ts';
import { type TestBucket, testS3 } from './s3.ts';

const SECRET_KEY = 'a secret of the tests that has at least 32 bytes';
const USER_ID = '12345678-1234-5678-9012-123456789012';

/** The whole service as `npm start` puts it together, its files in a bucket of the tests. */
export async function startS3Service(
  t: TestContext,
  { bucket }: Pick<TestBucket, 'bucket'>,
  environment: Readonly<Record<string, string>> = {},
) {
  const { endpoint, credentials } = testS3();
  const DATA_DIR = await mkdtemp(join(tmpdir(), 'sluice-s3-service-'));
  const loaded = loadConfig(
    {
      ...{ DATA_DIR, SECRET_KEY, PORT: '0', LOG_LEVEL: 'silent' },
      S3_BUCKET_NAME: bucket,
      S3_ENDPOINT: endpoint,
      S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: credentials?.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey,
      ...environment,
    },
    'embedded',
  );
  if (!loaded.ok) throw new Error(loaded.faults.join('\n'));
  const service = await startService(loaded.config, pino({ level: 'silent' }));
  t.after(async () => {
    await service.close();
    await rm(DATA_DIR, { recursive: true, force: true });
  });

  const authorization = `Bearer ${accessToken()}`;
  const dashboard = `${service.url}/v1/dashboard/upload`;
  return {
    url: service.url,
    stores: service.stores,
    authorization,

    initiate: (body: object, headers: Readonly<Record<string, string>> = {}) =>
      fetch(`${dashboard}/initiate`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({
          dashboard_context: { source_section: 'video_analysis', workflow_type: 'single_upload' },
          ...body,
        }),
      }),
    quota: async () => json(await fetch(`${dashboard}/quota`, { headers: { authorization } })),
    session: async (sessionId: string) =>
      json(await fetch(`${dashboard}/sessions/${sessionId}`, { headers: { authorization } })),
  };
}

/** The members of an answer. */
export async function json(answer: Response): Promise<Record<string, unknown>> {
  const value: unknown = await answer.json();
  if (typeof value !== 'object' || value === null) throw new TypeError('the answer is no object');
  return Object.fromEntries(Object.entries(value));
}

function accessToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ user_id: USER_ID, exp })}`;
  return `${signed}.${createHmac('sha256', SECRET_KEY).update(signed).digest('base64url')}`;
}
