import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { type TestContext, test } from 'node:test';
import { answerTo, openPatch } from '../e2e/client.ts';
import { type ServiceProcess, serviceFor } from '../e2e/service.ts';
import { videoOf } from '../e2e/videos.ts';
import { startReceiver } from '../events/receiver.ts';
import { signToken, startApp } from '../helpers/app.ts';
import { sendRaw } from '../helpers/raw-http.ts';
import { type CollectedSpan, type Collector, startCollector } from './collector.ts';

/** The real service, a collector that takes OTLP, and a receiver of webhooks. */

const USER = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
const SIZE = 1 << 20;
const FILE = videoOf(SIZE, 1);
const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

async function sceneFor(t: TestContext, env: (collector: Collector) => Readonly<Record<string, string>>) {
  const [collector, receiver] = await Promise.all([startCollector(), startReceiver()]);
  t.after(() => Promise.all([collector.close(), receiver.close()]));
  const webhook = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_PRIVATE: 'true' };
  const service = await serviceFor(t, { env: { ...webhook, LOG_LEVEL: 'debug', ...env(collector) } });
  return { service, collector, receiver };
}

const withCollector = ({ url }: Collector) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url });

/** The same in this process, where neither its log nor its end matters. */
async function appFor(t: TestContext, env: (collector: Collector) => Readonly<Record<string, string>>) {
  const [collector, receiver] = await Promise.all([startCollector(), startReceiver()]);
  t.after(() => Promise.all([collector.close(), receiver.close()]));
  const webhook = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_PRIVATE: 'true' };
  const app = await startApp(t, { userId: USER, env: { ...webhook, ...env(collector) } });
  const token = await signToken({ user_id: USER });
  return { service: { url: app.url, token: () => token, close: app.close }, collector, receiver };
}

/** As another service would send it along. */
function callerTrace() {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, header: `00-${traceId}-${spanId}-01` };
}

async function initiate(
  service: Pick<ServiceProcess, 'url' | 'token'>,
  headers: Record<string, string> = {},
) {
  const request = httpRequest(`${service.url}/v1/dashboard/upload/initiate`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${service.token({ user: randomUUID() })}`,
      ...{ 'content-type': 'application/json', expect: '100-continue' },
      ...headers,
    },
  });
  const answer = answerTo(request);
  request.flushHeaders();
  // The body comes when the request has long begun, and must find its trace all the same.
  await once(request, 'continue');
  const context = { source_section: 'tracing', workflow_type: 'single_upload' };
  const body = { dashboard_context: context, expected_file_size: SIZE, filename: 'secret-plans.mp4' };
  request.end(JSON.stringify(body));
  const { statusCode, text } = await answer;
  assert.equal(statusCode, 201, text);
  const { session_id, upload_url } = JSON.parse(text) as { session_id: string; upload_url: string };
  return { id: session_id, url: new URL(upload_url, service.url), traceId: session_id.replaceAll('-', '') };
}

async function patch(url: URL, from: number, to: number, traceparent?: string): Promise<number> {
  const request = openPatch(url, from, to - from);
  if (traceparent !== undefined) request.setHeader('traceparent', traceparent);
  request.end(FILE.subarray(from, to));
  return (await answerTo(request)).statusCode ?? 0;
}

function linesOf({ output }: ServiceProcess): Record<string, unknown>[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function the(spans: readonly CollectedSpan[], name: string, of = 1): CollectedSpan {
  const found = spans.filter((span) => span.name === name);
  assert.equal(found.length, of, `${name} among ${spans.map((span) => span.name)}`);
  return found[0] as CollectedSpan;
}

test('an upload is one trace, from initiate over each append to the settlement and the webhook, restarts and all', async (t) => {
  const { service, collector, receiver } = await sceneFor(t, withCollector);
  const [first, second] = [callerTrace(), callerTrace()];
  const session = await initiate(service, { traceparent: first.header });
  assert.equal(await patch(session.url, 0, SIZE / 2), 204);
  assert.equal(await service.kill('SIGTERM'), 0);
  await service.restart();
  assert.equal(await patch(session.url, SIZE / 2, SIZE, second.header), 204);
  await receiver.until(1);
  assert.equal(await service.kill('SIGTERM'), 0);

  const trace = collector.spans.filter(({ traceId }) => traceId === session.traceId);
  const root = the(trace, 'upload.initiate');
  const appends = trace.filter(({ name }) => name === 'upload.append');
  assert.deepEqual(
    appends.map(({ attributes }) => [attributes['sluice.offset'], attributes['sluice.outcome']]),
    [
      [0, 'stored'],
      [SIZE / 2, 'completed'],
    ],
  );
  const request = the(trace, 'PATCH /v1/uploads/:session_id');
  assert.equal(root.parentSpanId, '');
  assert.equal(request.parentSpanId, root.spanId, 'who brings no trace of his own joins that of the session');
  assert.equal(appends[0]?.parentSpanId, request.spanId);
  assert.equal(appends[1]?.parentSpanId, root.spanId);
  const complete = the(trace, 'upload.complete');
  assert.equal(complete.parentSpanId, appends[1]?.spanId);
  assert.equal(the(trace, 'ledger.settle').parentSpanId, complete.spanId);
  const delivery = the(trace, 'webhook.deliver');
  assert.equal(delivery.parentSpanId, root.spanId);
  assert.equal(receiver.received[0]?.headers.traceparent, `00-${session.traceId}-${delivery.spanId}-01`);

  // The callers' traces go on in the service, and are linked with the session's both ways.
  const began = the(
    collector.spans.filter(({ traceId }) => traceId === first.traceId),
    'POST /v1/dashboard/upload/initiate',
  );
  assert.equal(began.parentSpanId, first.spanId);
  assert.deepEqual(began.links, [{ traceId: session.traceId, spanId: root.spanId }]);
  assert.deepEqual(root.links, [{ traceId: first.traceId, spanId: began.spanId }]);
  const ended = the(
    collector.spans.filter(({ traceId }) => traceId === second.traceId),
    'PATCH /v1/uploads/:session_id',
  );
  assert.equal(ended.parentSpanId, second.spanId);
  assert.equal(ended.attributes['http.response.status_code'], 204);
  assert.deepEqual(ended.links, [{ traceId: session.traceId, spanId: root.spanId }]);
  assert.deepEqual(appends[1]?.links, [{ traceId: second.traceId, spanId: ended.spanId }]);
});

test('log lines carry the trace they belong to', async (t) => {
  const { service } = await sceneFor(t, withCollector);
  const caller = callerTrace();
  const session = await initiate(service, { traceparent: caller.header });
  assert.equal(await patch(session.url, 0, SIZE), 204);
  await service.kill('SIGTERM');
  const lines = linesOf(service);
  const traceOf = (msg: string, more: object = {}) => {
    const found = lines.find(
      (line) => line.msg === msg && Object.entries(more).every(([key, value]) => line[key] === value),
    );
    assert.ok(found, `no line "${msg}"`);
    return found.trace_id;
  };
  assert.equal(traceOf('session.created'), caller.traceId);
  assert.equal(traceOf('answered', { method: 'POST' }), caller.traceId);
  assert.equal(traceOf('session.completed'), session.traceId);
  assert.equal(traceOf('answered', { method: 'PATCH' }), session.traceId);
  assert.equal(traceOf('listening'), undefined);
});

test('an answer that waits for an earlier one on its connection keeps its own trace', async (t) => {
  const { service } = await sceneFor(t, withCollector);
  const [slow, quick] = [callerTrace(), callerTrace()];
  const body = JSON.stringify({ dashboard_context: { source_section: 'x', workflow_type: 'single_upload' } });
  const said = await sendRaw(
    service.url,
    [
      'POST /v1/dashboard/upload/initiate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json',
      `Authorization: Bearer ${service.token({ user: randomUUID() })}\r\ntraceparent: ${slow.header}`,
      `Content-Length: ${body.length}\r\n\r\n${body}GET /v1/dashboard/upload/quota HTTP/1.1\r\nHost: x`,
      `traceparent: ${quick.header}\r\nConnection: close\r\n\r\n`,
    ].join('\r\n'),
  );
  assert.match(said, /^HTTP\/1\.1 201 .*HTTP\/1\.1 401 /s);
  await service.kill('SIGTERM');
  const answered = linesOf(service).filter(({ msg }) => msg === 'answered');
  assert.deepEqual(
    answered.map(({ status, trace_id }) => [status, trace_id]),
    [
      [201, slow.traceId],
      [401, quick.traceId],
    ],
  );
});

test('no span names a user, a token or a file, and probes make none', async (t) => {
  const { service, collector } = await appFor(t, withCollector);
  const { url } = await initiate(service);
  await patch(url, 0, SIZE);
  await fetch(url, { method: 'DELETE' });
  for (const probe of ['/livez', '/readyz', '/metrics']) await fetch(new URL(probe, service.url));
  await service.close();
  const told = JSON.stringify(collector.spans);
  assert.ok(collector.spans.length > 4);
  assert.ok(!collector.spans.some(({ name }) => /livez|readyz|metrics/.test(name)), 'probes are no traces');
  for (const secret of [USER, 'secret-plans', url.searchParams.get('token') ?? '']) {
    assert.ok(!told.includes(secret), secret);
  }
});

test('of an upload everything is recorded, or nothing; a caller who records is heard in any case', async (t) => {
  const env = (collector: Collector) => ({
    ...{ ...withCollector(collector), OTEL_TRACES_SAMPLER_ARG: '0' },
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=a%20team',
  });
  const { service, collector, receiver } = await appFor(t, env);
  const caller = callerTrace();
  const session = await initiate(service, { traceparent: caller.header });
  assert.equal(await patch(session.url, 0, SIZE), 204);
  await receiver.until(1);
  await service.close();
  assert.deepEqual(
    collector.spans.map(({ name, traceId }) => [name, traceId]),
    [['POST /v1/dashboard/upload/initiate', caller.traceId]],
  );
  assert.match(
    String(receiver.received[0]?.headers.traceparent),
    new RegExp(`^00-${session.traceId}-[0-9a-f]{16}-00$`),
  );
  assert.equal(collector.headers[0]?.['x-team'], 'a team');
});

test('a collector that is away disturbs nothing, and is told of once', async (t) => {
  const { service, collector, receiver } = await sceneFor(t, withCollector);
  await collector.close();
  const session = await initiate(service);
  assert.equal(await patch(session.url, 0, SIZE), 204);
  await receiver.until(1);
  assert.equal(await service.kill('SIGTERM'), 0);
  const complaints = linesOf(service).filter(({ msg }) => /^traces cannot be delivered/.test(String(msg)));
  assert.equal(complaints.length, 1);
});

test('unless a collector is named nothing is traced and nothing is passed on', async (t) => {
  const { service, receiver, collector } = await sceneFor(t, () => ({}));
  const session = await initiate(service, { traceparent: callerTrace().header });
  assert.equal(await patch(session.url, 0, SIZE), 204);
  await receiver.until(1);
  await service.kill('SIGTERM');
  assert.deepEqual(collector.spans, []);
  assert.equal(receiver.received[0]?.headers.traceparent, undefined);
  assert.ok(linesOf(service).every((line) => !('trace_id' in line)));
});
