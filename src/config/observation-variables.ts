import { flag, list, text, textOr } from './variable-kinds.ts';

/** What the service tells of itself. */
export const observation = {
  METRICS: flag(
    true,
    'Count and measure, and serve what comes of it at `/metrics` for Prometheus: docs/metrics.md.',
  ),
  METRICS_TOKEN: text(
    'Where set, `/metrics` answers those who send it as `Authorization: Bearer …`, and nobody else. Where unset, it answers requests from loopback and private addresses that come past no proxy.',
    { secret: true },
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: text(
    'Where set, traces are sent there as OTLP in JSON, to `/v1/traces` below it: `http://collector:4318`. Where unset, nothing is traced.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: list(
    [],
    'Headers that go with them, as `name=value` with commas between; values are percent-encoded.',
    { secret: true },
  ),
  OTEL_SERVICE_NAME: textOr('sluice', 'Name of the service in traces.'),
  OTEL_TRACES_SAMPLER_ARG: textOr(
    '1',
    'Share of the traces that is recorded, from 0 to 1. Of an upload all is recorded, or nothing; a request whose `traceparent` says so is recorded in any case.',
  ),
};
