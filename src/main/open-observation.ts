import cluster from 'node:cluster';
import type { FastifyBaseLogger } from 'fastify';
import packageJson from '../../package.json' with { type: 'json' };
import type { AppDeps } from '../app.ts';
import type { Config } from '../config.ts';
import type { Events } from '../core/ports.ts';
import type { Uploads } from '../core/uploads.ts';
import type { DirectUploads } from '../engine/direct-uploads.ts';
import type { UploadEngine } from '../engine/engine.ts';
import type { MetricsRouteDeps } from '../http/routes/metrics.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { DutiesDeps } from './duties.ts';
import type { Stores } from './open-stores.ts';

/** Puts what watches around what is watched. Where nothing is to be watched, everything comes back as it is. */
export interface Observation {
  readonly redisCommand: Metrics['redisCommand'] | undefined;
  readonly listeners: readonly Events[];
  readonly ofApp: Pick<AppDeps, 'requestObserver' | 'requestTracer' | 'metrics'>;
  readonly ofDuties: Pick<DutiesDeps, 'observer' | 'webhookTracer'>;
  stores(stores: Stores): Stores;
  uploads(uploads: Uploads): Uploads;
  engine(engine: UploadEngine): UploadEngine;
  directUploads(directUploads: DirectUploads): DirectUploads;
  /** Sends what has not been sent yet. */
  close(): Promise<void>;
}

/** Libraries for metrics and traces are loaded where they are wanted, and not else. */
export async function openObservation(config: Config, log: FastifyBaseLogger): Promise<Observation> {
  const [metrics, traces] = await Promise.all([openMetrics(config), openTraces(config, log)]);
  const route = metrics && (await openMetricsRoute(config, metrics));

  return {
    redisCommand: metrics?.redisCommand,
    listeners: metrics ? [metrics.events] : [],
    ofApp: {
      ...(metrics && { requestObserver: metrics.requests }),
      ...(traces && { requestTracer: traces.requests }),
      ...(route && { metrics: route }),
    },
    ofDuties: { observer: metrics?.duties, webhookTracer: traces?.webhook },

    stores(stores) {
      if (stores.breakerState) metrics?.watchBreaker(stores.breakerState);
      const counted = metrics?.ledger(stores.ledger) ?? stores.ledger;
      const ledger = traces?.ledger(counted) ?? counted;
      return { ...stores, ledger, blobs: metrics?.blobs(stores.blobs) ?? stores.blobs };
    },
    uploads(uploads) {
      const counted = metrics?.uploads(uploads) ?? uploads;
      return traces?.uploads(counted) ?? counted;
    },
    engine(engine) {
      const counted = metrics?.engine(engine) ?? engine;
      return traces?.engine(counted) ?? counted;
    },
    directUploads: (directUploads) => metrics?.directUploads(directUploads) ?? directUploads,
    close: async () => traces?.close(),
  };
}

async function openMetrics(config: Config): Promise<Metrics | null> {
  if (config.metrics === null) return null;
  const { createMetrics } = await import('../metrics/metrics.ts');
  const { reconcileIntervalMs, storage } = config;
  return createMetrics({ version: packageJson.version, backend: storage.backend, reconcileIntervalMs });
}

/** Reports of this process, or of all workers where it is one of them. */
async function openMetricsRoute(config: Config, metrics: Metrics): Promise<MetricsRouteDeps> {
  const [{ CONTENT_TYPE, renderReports }, { collectReports }] = await Promise.all([
    import('../metrics/reports.ts'),
    import('../metrics/worker-reports.ts'),
  ]);
  const reports = cluster.isWorker ? collectReports(metrics.report) : async () => [await metrics.report()];
  return {
    token: config.metrics?.token ?? null,
    read: async () => ({ contentType: CONTENT_TYPE, text: await renderReports(await reports()) }),
  };
}

async function openTraces({ traces }: Config, log: FastifyBaseLogger) {
  if (traces === null) return null;
  const { createTraces } = await import('../tracing/traces.ts');
  return createTraces({
    ...traces,
    version: packageJson.version,
    onUndelivered: (err) => log.warn({ err }, 'traces cannot be delivered; newer ones are tried again'),
  });
}
