/**
 * docs/pictures/dashboard.png: the panels of deploy/grafana as they look after some minutes of uploads, drawn from
 * what a real Prometheus has recorded of a real topology. For where there is no Grafana to take a picture of.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drawDashboard, type Recorded } from './lib/dashboards/drawing.ts';
import { OVERVIEW } from './lib/dashboards/overview.ts';
import { launchChromium } from './lib/servers/chromium.ts';
import { startPrometheus } from './lib/servers/prometheus.ts';
import type { ServiceProcess } from './lib/service-process.ts';
import { startTopology } from './lib/topology.ts';

const SECONDS = 150;
const STEP_SECONDS = 2;
const VIDEO = readFileSync(new URL('../test/fixtures/sample.mp4', import.meta.url));
const CONTEXT = { source_section: 'video_analysis', workflow_type: 'single_upload' };

const topology = await startTopology({
  ownUrls: true,
  env: { UPLOAD_DEFAULT_QUOTA: '2000000', RECONCILE_INTERVAL: '2' },
});
const prometheus = await startPrometheus(
  topology.services.map(({ url }) => new URL(url).host),
  '2s',
);
try {
  const from = Date.now() / 1000;
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(topology.services.map((service) => uploadUntil(end, service)));
  const to = Date.now() / 1000;
  const html = await drawDashboard(OVERVIEW, (query) => record(query, from, to));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.setContent(html);
    const path = fileURLToPath(new URL('../docs/pictures/dashboard.png', import.meta.url));
    await page.screenshot({ path, fullPage: true });
    console.log(`wrote ${path}`);
  } finally {
    await browser.close();
  }
} finally {
  await Promise.all([topology.stop(), prometheus.stop()]);
}

/** One upload after the other: plain, by tus in two pieces, cancelled; users run out of quota, tokens are bad. */
async function uploadUntil(end: number, service: ServiceProcess): Promise<void> {
  for (let n = 0; performance.now() < end; n += 1) {
    const token = service.token({ user: `00000000-0000-4000-8000-${String(n % 40).padStart(12, '0')}` });
    const headers = {
      authorization: `Bearer ${n % 17 === 0 ? 'bad' : token}`,
      'content-type': 'application/json',
    };
    const initiated = await fetch(`${service.url}/v1/dashboard/upload/initiate`, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': randomUUID() },
      body: JSON.stringify({ dashboard_context: CONTEXT, expected_file_size: VIDEO.length }),
    });
    const { upload_url: url } = (await initiated.json()) as { upload_url?: string };
    if (url) await sendOne(url, n);
    // Busier and calmer, so that there is something to see.
    await setTimeout(40 + 30 * Math.sin(performance.now() / 12_000));
  }
}

async function sendOne(url: string, n: number): Promise<void> {
  const tus = { 'tus-resumable': '1.0.0', 'content-type': 'application/offset+octet-stream' };
  const half = Math.floor(VIDEO.length / 2);
  const requests: RequestInit[] =
    n % 5 === 0
      ? [{ method: 'DELETE' }]
      : n % 3 === 0
        ? [
            { method: 'PATCH', headers: { ...tus, 'upload-offset': '0' }, body: VIDEO.subarray(0, half) },
            {
              method: 'PATCH',
              headers: { ...tus, 'upload-offset': String(half) },
              body: VIDEO.subarray(half),
            },
          ]
        : [{ method: 'PUT', body: VIDEO }];
  for (const request of requests) await (await fetch(url, request)).arrayBuffer();
}

async function record(query: string, from: number, to: number): Promise<Recorded[]> {
  const asked = query.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '20s');
  const range = new URLSearchParams({
    query: asked,
    start: `${from}`,
    end: `${to}`,
    step: `${STEP_SECONDS}`,
  });
  const response = await fetch(`${prometheus.url}/api/v1/query_range?${range}`);
  const { data } = (await response.json()) as {
    data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
  };
  return data.result.map(({ metric, values }) => ({
    labels: metric,
    points: values.map(([at, value]): [number, number] => [(at - from) / (to - from), Number(value)]),
  }));
}
