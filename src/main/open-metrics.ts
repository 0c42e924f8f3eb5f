import cluster from 'node:cluster';
import packageJson from '../../package.json' with { type: 'json' };
import type { Config } from '../config.ts';
import type { MetricsRouteDeps } from '../http/routes/metrics.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Stores } from './open-stores.ts';

/** Null where nothing is to be counted; then nothing of it is loaded. */
export async function openMetrics(config: Config): Promise<Metrics | null> {
  if (config.metrics === null) return null;
  const { createMetrics } = await import('../metrics/metrics.ts');
  const { reconcileIntervalMs, storage } = config;
  return createMetrics({ version: packageJson.version, backend: storage.backend, reconcileIntervalMs });
}

/** The same stores, watched. */
export function observeStores(stores: Stores, metrics: Metrics | null): Stores {
  if (metrics === null) return stores;
  if (stores.breakerState) metrics.watchBreaker(stores.breakerState);
  return { ...stores, ledger: metrics.ledger(stores.ledger), blobs: metrics.blobs(stores.blobs) };
}

/** What the route needs: reports of this process, or of all workers where it is one of them. */
export async function openMetricsRoute(
  config: Config,
  metrics: Metrics | null,
): Promise<MetricsRouteDeps | null> {
  if (metrics === null || config.metrics === null) return null;
  const [{ CONTENT_TYPE, renderReports }, { collectReports }] = await Promise.all([
    import('../metrics/reports.ts'),
    import('../metrics/worker-reports.ts'),
  ]);
  const reports = cluster.isWorker ? collectReports(metrics.report) : async () => [await metrics.report()];
  return {
    token: config.metrics.token,
    read: async () => ({ contentType: CONTENT_TYPE, text: await renderReports(await reports()) }),
  };
}
