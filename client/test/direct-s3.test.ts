/** Direct transfers with the real service and a real S3 server. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { s3Server } from '../../scripts/lib/servers/s3.ts';
import type { RunningServer } from '../../scripts/lib/servers/server.ts';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { createClient } from '../src/node.ts';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { QUICK_RETRY } from './helpers/service.ts';
import { until } from './helpers/until.ts';
import { sha256Of, videoFile } from './helpers/videos.ts';

const BUCKET = 'client-tests';
const random = seededRandom(10);
let s3: RunningServer;
let service: ServiceProcess;

before(async () => {
  s3 = await s3Server.start();
  const { SLUICE_TEST_S3_ENDPOINT: endpoint = '', SLUICE_TEST_S3_KEY: key = '' } = s3.env;
  const secret = s3.env.SLUICE_TEST_S3_SECRET ?? '';
  const admin = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: key, secretAccessKey: secret },
  });
  await admin.send(new CreateBucketCommand({ Bucket: BUCKET }));
  admin.destroy();
  service = await startServiceProcess({
    env: {
      USE_S3: 'true',
      S3_BUCKET_NAME: BUCKET,
      S3_ENDPOINT: endpoint,
      S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: key,
      AWS_SECRET_ACCESS_KEY: secret,
    },
  });
});
after(async () => {
  await service?.stop();
  await s3?.stop();
});

function client(user: string = randomUUID()) {
  return createClient({ baseUrl: service.url, token: service.token({ user }), retry: QUICK_RETRY });
}

test('parts go straight to the object store, and the service verifies the whole', async () => {
  const file = videoFile('direct.mp4', 20_000_000, random);
  const here = client();
  const session = await here.upload(file, { transfer: 'direct' }).done;
  assert.equal(session.status, 'completed');
  assert.equal(session.sha256, await sha256Of(file));
  assert.equal((await here.quota()).quota_used, file.size);
});

test('a direct upload that was paused in the middle of its parts arrives bit for bit', async () => {
  const file = videoFile('paused-direct.mp4', 40_000_000, random);
  const upload = client().upload(file, { transfer: 'direct', sha256: false });
  await until(upload, ({ state, bytesUploaded }) => state === 'uploading' && bytesUploaded > 0);
  upload.pause();
  await until(upload, ({ state }) => state === 'paused');
  upload.resume();
  assert.equal((await upload.done).sha256, await sha256Of(file));
});

test('a direct upload begun elsewhere is finished in parts, without those that have arrived', async () => {
  const user = randomUUID();
  const file = videoFile('half-direct.mp4', 20_000_000, random);
  const authorization = `Bearer ${service.token({ user })}`;
  const begun = await post(`${service.url}/v1/dashboard/upload/initiate`, authorization, {
    dashboard_context: { source_section: 's', workflow_type: 'single_upload' },
    ...{ expected_file_size: file.size, filename: file.name, transfer: 'direct' },
  });
  const address = new URL(String(begun.upload_url));
  address.pathname += '/parts';
  const signed = await post(address.href, authorization, { part_numbers: [2] });
  const size = Number(signed.part_size);
  const [part] = signed.parts as { url: string }[];
  const put = await fetch(part?.url ?? '', { method: 'PUT', body: file.slice(size, 2 * size) });
  assert.equal(put.status, 200);

  const upload = client(user).upload(file);
  const sent: number[] = [];
  upload.subscribe(({ bytesUploaded }) => sent.push(bytesUploaded));
  const session = await upload.done;
  assert.equal(session.session_id, begun.session_id);
  assert.equal(session.sha256, await sha256Of(file));
  assert.ok((sent.find((bytes) => bytes > 0) ?? 0) >= size, 'it begins with what has arrived');
});

async function post(url: string, authorization: string, body: object): Promise<Record<string, unknown>> {
  const headers = { authorization, 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer: unknown = await response.json();
  assert.ok(response.ok && typeof answer === 'object' && answer !== null, JSON.stringify(answer));
  return Object.fromEntries(Object.entries(answer));
}

test('what turns out to be no video fails, and its reservation comes back', async () => {
  const here = client();
  const upload = here.upload(new File(['text '.repeat(2_000_000)], 'text.mp4'), { transfer: 'direct' });
  await assert.rejects(upload.done, hasCode('UNSUPPORTED_FORMAT'));
  assert.equal((await here.quota()).quota_used, 0);
});

test('through the service the same bucket takes tus uploads', async () => {
  const file = videoFile('through.mp4', 12_000_000, random);
  assert.equal((await client().upload(file).done).sha256, await sha256Of(file));
});
