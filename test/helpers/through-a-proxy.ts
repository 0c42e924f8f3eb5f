import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { TestContext } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { until } from '../e2e/until.ts';
import type { RunningProxy } from './proxies.ts';

/**
 * What both proxies of deploy/ have to do: pass a body on while it comes in, however large and slow; tell the
 * service who speaks, and nobody else's word for it; keep metrics and upload tokens to themselves.
 */
export async function checkProxy(
  t: TestContext,
  start: (service: string) => Promise<RunningProxy>,
): Promise<void> {
  const service = await startServiceProcess({ env: { TRUST_PROXY: 'loopback' } });
  t.after(() => service.stop());
  const proxy = await start(service.url);
  t.after(() => proxy.stop());

  const url = await initiate(proxy, service);
  assert.ok(
    url.startsWith(`${proxy.url}/v1/uploads/`),
    'URLs are made of what the proxy says, not of what a client says',
  );

  const first = video(2 * 1024 * 1024);
  const last = Buffer.alloc(512 * 1024, 7);
  const direct = url.replace(proxy.url, service.url);
  const upload = request(url, { method: 'PUT', headers: { 'content-length': first.length + last.length } });
  const answered = once(upload, 'response');
  upload.write(first);
  await until('the first bytes are acknowledged while others are still to come', async () => {
    const { headers } = await fetch(direct, { method: 'HEAD' });
    return Number(headers.get('upload-offset')) >= first.length;
  });
  assert.deepEqual(await proxy.spooled(), [], 'nothing is kept at the proxy');
  upload.end(last);
  const [response] = await answered;
  response.resume();
  assert.equal(response.statusCode, 201);

  const metrics = await fetch(`${proxy.url}/metrics`);
  await metrics.arrayBuffer();
  assert.equal(metrics.status, 404);

  const token = new URL(url).searchParams.get('token') ?? assert.fail('no token');
  await until('the upload stands in the access log', async () => /PUT.*201/.test(await proxy.logs()));
  const logs = await proxy.logs();
  assert.ok(!logs.includes(token), 'no log has an upload token');
}

async function initiate(proxy: RunningProxy, service: ServiceProcess): Promise<string> {
  const token = service.token({ user: randomUUID() });
  const response = await fetch(`${proxy.url}/v1/dashboard/upload/initiate`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-forwarded-host': 'evil.example.org',
      'x-forwarded-proto': 'https',
    },
    body: JSON.stringify({
      dashboard_context: { source_section: 'videos', workflow_type: 'single_upload' },
    }),
  });
  assert.equal(response.status, 201);
  const { upload_url } = (await response.json()) as { upload_url: string };
  return upload_url;
}

/** The sample, and then what follows it in a longer file. */
function video(bytes: number): Buffer {
  const file = Buffer.alloc(bytes, 1);
  readFileSync(new URL('../fixtures/sample.mp4', import.meta.url)).copy(file);
  return file;
}
