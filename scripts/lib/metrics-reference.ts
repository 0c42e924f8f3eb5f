import { METRICS, type MetricDefinition } from '../../src/metrics/definitions.ts';

/** docs/metrics.md: every metric, from the one table that the service makes them by. */
export function describeMetrics(): string {
  const rows = Object.entries<MetricDefinition>(METRICS).map(([name, definition]) => {
    const { type, help, labels = {}, shared } = definition;
    const meaning = shared ? `${help} *Shared.*` : help;
    return `| \`${name}\` | ${type} | ${unitOf(name)} | ${describeLabels(labels)} | ${meaning} |`;
  });
  return `${INTRODUCTION}\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n\n${AFTERWORD}`;
}

function unitOf(name: string): string {
  if (name.endsWith('_seconds')) return 'seconds';
  return /_bytes(_|$)/.test(name) ? 'bytes' : '';
}

function describeLabels(labels: NonNullable<MetricDefinition['labels']>): string {
  const described = Object.entries(labels).map(([label, values]) => {
    const text = typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ');
    return `\`${label}\`: ${text}`;
  });
  return described.join('<br>');
}

const INTRODUCTION = `# Metrics

<!-- Made by "npm run generate" from src/metrics/definitions.ts and scripts/lib/metrics-reference.ts: change it there. -->

\`GET /metrics\` on the port of the service answers in the text format of Prometheus. Metrics tell strangers how busy the
service is, so it answers

- where \`METRICS_TOKEN\` is set: those who send it as \`Authorization: Bearer …\`, from wherever;
- else: requests from loopback and private addresses that came past no proxy (none of the headers by which proxies
  tell of themselves). Prometheus on the same machine or network needs nothing; what comes in through the proxy in front is 401.
  A proxy that adds no such header must keep \`/metrics\` to itself, as deploy/nginx.conf does.

\`METRICS=false\` counts nothing and serves nothing. No label ever names a user, a session or a file.

Counters whose label values are known begin at zero, so that \`rate()\` sees their first event.

## Several processes

With \`WORKERS\` above one, any worker answers for all: counters and histograms are summed up, of gauges the highest counts,
as of event-loop lag. What a worker had counted before it ended stays counted, but for what came after the scrape before.

Instances on several machines are scraped one by one. Metrics marked *shared* are about state that all of them have in
common; only the process on duty (sweeper, reconciler, deliveries) tells them, and where several do, they tell the same:
use \`max()\`, not \`sum()\`.

## What there is
`;

const AFTERWORD = `Beside these there are the usual ones of the process and of Node, such as \`process_cpu_seconds_total\`,
\`process_resident_memory_bytes\`, \`process_start_time_seconds\`, \`nodejs_eventloop_lag_p99_seconds\`, \`nodejs_gc_duration_seconds\` and
\`nodejs_heap_size_used_bytes\`.

## Questions they answer

| question | query |
|---|---|
| share of initiate answered without 5xx | \`1 - (sum(rate(http_server_request_duration_seconds_count{route="/v1/dashboard/upload/initiate",status_code=~"5.."}[5m])) or vector(0)) / sum(rate(http_server_request_duration_seconds_count{route="/v1/dashboard/upload/initiate"}[5m]))\` |
| 99th percentile of initiate | \`histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket{route="/v1/dashboard/upload/initiate"}[5m])))\` |
| bytes per second, by protocol | \`sum by (protocol) (rate(upload_bytes_received_total[1m]))\` |
| acknowledged bytes that were lost | \`sum(increase(upload_lost_acknowledged_bytes_total[1h]))\` |
| share of webhooks first tried within 30 s | \`sum(rate(webhook_first_attempt_delay_seconds_bucket{le="30"}[1h])) / sum(rate(webhook_first_attempt_delay_seconds_count[1h]))\` |
| bytes reserved by live sessions | \`max(quota_reserved_bytes)\` |
| refusals of initiate, by reason | \`sum by (outcome) (rate(upload_initiate_total{outcome!~"accepted\\|replayed"}[5m]))\` |
`;
