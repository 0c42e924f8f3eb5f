import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../e2e/until.ts';
import { videoOf } from '../e2e/videos.ts';
import { startReceiver } from '../events/receiver.ts';
import { initiateBody, P, startApp } from '../helpers/app.ts';
import { startRedis } from '../helpers/redis.ts';
import { createTestBucket, testS3 } from '../helpers/s3.ts';
import { readSeries } from './series.ts';

test('a session that expires is counted once, and so is the reservation that it gives back', async (t) => {
  const { url, call } = await startApp(t, { env: { UPLOAD_SESSION_TTL: '1', RECONCILE_INTERVAL: '1' } });
  await call(`${P}/initiate`, { json: initiateBody() });
  await until(
    'it is swept',
    async () => (await readSeries(url)).get('quota_expired_reservations_total') === 1,
  );
  const series = await readSeries(url);
  assert.equal(series.get('upload_completed_total{outcome="expired"}'), 1);
  await call(`${P}/cleanup`, { method: 'POST' });
  assert.equal((await readSeries(url)).get('quota_expired_reservations_total'), 1);
});

test('events that nobody takes show as a backlog that gets older, and are gone when they are delivered', async (t) => {
  const receiver = await startReceiver();
  t.after(() => receiver.close());
  receiver.answerWith((response) => response.writeHead(503).end());
  const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
  const env = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: secret, WEBHOOK_ALLOW_PRIVATE: 'true' };
  const { url, call } = await startApp(t, { env });
  assert.equal((await readSeries(url)).get('outbox_pending'), 0);

  const file = videoOf(100_000, 1);
  const { body } = await call(`${P}/initiate`, { json: initiateBody({ expected_file_size: file.length }) });
  assert.equal((await fetch(body.upload_url, { method: 'PUT', body: file })).status, 201);
  await receiver.until(1);
  const waiting = await readSeries(url);
  assert.equal(waiting.get('outbox_pending'), 1);
  await until('it gets older', async () => {
    const series = await readSeries(url);
    return (series.get('outbox_oldest_seconds') ?? 0) > (waiting.get('outbox_oldest_seconds') ?? 0);
  });
  receiver.answerWith((response) => response.writeHead(204).end());
  await until('it is delivered', async () => (await readSeries(url)).get('outbox_pending') === 0);
});

test('a Redis that is away shows in its commands, in the breaker and in what becomes of initiate', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const { url, call } = await startApp(t, {
    env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) },
  });
  const initiate = () => call(`${P}/initiate`, { json: initiateBody() });
  assert.equal((await initiate()).status, 201);
  assert.equal((await readSeries(url)).get('redis_breaker_state'), 0);

  await redis.kill();
  await until('the breaker opens', async () => {
    assert.equal((await initiate()).status, 503);
    return (await readSeries(url)).get('redis_breaker_state') === 2;
  });
  const series = await readSeries(url);
  assert.ok((series.get('redis_command_duration_seconds_count{cmd="admit",outcome="error"}') ?? 0) > 0);
  assert.ok((series.get('upload_initiate_total{outcome="redis_connection_error"}') ?? 0) >= 5);

  await redis.start();
  await until('it closes', async () => {
    await initiate();
    return (await readSeries(url)).get('redis_breaker_state') === 0;
  });
});

test('uploads to S3 are counted under their backend, also those that go there by themselves', async (t) => {
  const { bucket, remove } = await createTestBucket();
  t.after(() => remove());
  const { endpoint, credentials } = testS3();
  const { url, call } = await startApp(t, {
    env: {
      ...{ S3_BUCKET_NAME: bucket, S3_ENDPOINT: endpoint, S3_FORCE_PATH_STYLE: 'true' },
      AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
    },
  });
  const file = videoOf(6 << 20, 2);
  const received = (protocol: string) => `upload_bytes_received_total{protocol="${protocol}",backend="s3"}`;
  const begin = async (more: object = {}) => {
    const json = initiateBody({ expected_file_size: file.length, ...more });
    return (await call(`${P}/initiate`, { json })).body;
  };

  const plain = await begin();
  assert.equal((await fetch(plain.upload_url, { method: 'PUT', body: file })).status, 201);
  assert.equal((await readSeries(url)).get(received('put')), file.length);

  const direct = await begin({ transfer: 'direct' });
  const { part_size: size, part_count: count } = direct.upload_instructions;
  const under = (what: string) => direct.upload_url.replace('?', `/${what}?`);
  const part_numbers = Array.from({ length: count }, (_, index) => index + 1);
  const signed = await call(under('parts'), { json: { part_numbers }, token: null });
  const parts: { part_number: number; etag: string | null }[] = [];
  for (const { part_number, url: place } of signed.body.parts) {
    const body = file.subarray((part_number - 1) * size, part_number * size);
    const stored = await fetch(place, { method: 'PUT', body });
    parts.push({ part_number, etag: stored.headers.get('etag') });
  }
  for (let times = 0; times < 2; times += 1) {
    assert.equal((await call(under('complete'), { json: { parts }, token: null })).status, 200);
  }
  const series = await readSeries(url);
  assert.equal(series.get(received('direct')), file.length, 'once, though asked twice');
  assert.equal(series.get('upload_completed_total{outcome="completed"}'), 2);
});
