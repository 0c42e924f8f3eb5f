import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';
import type { MetricReport } from './instruments.ts';

/** Everything that one process has counted. Plain data, to be sent from process to process. */
export type Report = readonly MetricReport[];

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Metrics of Node and the process, event-loop lag and garbage collection among them. */
export function observeProcess(): () => Promise<Report> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return async () => {
    const metrics = await registry.getMetricsAsJSON();
    return metrics.map(({ name, help, type, aggregator, ...rest }) => ({
      name,
      help,
      type: String(type),
      aggregator: OF_WORKERS.find(([pattern]) => pattern.test(name))?.[1] ?? aggregator,
      // What was not measured yet is not a number, and would not survive the way to another process.
      values: rest.values.filter(({ value }) => Number.isFinite(value)),
    }));
  };
}

/** Where prom-client would leave a metric out, or hide the worst worker in the mean of all. */
const OF_WORKERS: readonly (readonly [RegExp, string])[] = [
  [/^process_start_time/, 'min'],
  [/^nodejs_eventloop_lag/, 'max'],
];

/** One report of what several processes have counted. */
export async function mergeReports(reports: readonly Report[]): Promise<Report> {
  const merged = await AggregatorRegistry.aggregate(reports.map((report) => [...report])).getMetricsAsJSON();
  return merged.map((metric) => ({
    ...metric,
    type: String(metric.type),
    values: metric.values,
  }));
}

/** What is left of a process that has ended: what it counted stays counted, what it measured is no more. */
export function leftBehind(report: Report): Report {
  return report.filter(({ type }) => type !== 'gauge');
}

/** The text that Prometheus reads. */
export function renderReports(reports: readonly Report[]): Promise<string> {
  return AggregatorRegistry.aggregate(reports.map((report) => [...report])).metrics();
}
