import type { BlobStore, Events, Ledger } from '../core/ports.ts';
import type { Uploads } from '../core/uploads.ts';
import type { DirectUploads } from '../engine/direct-uploads.ts';
import type { UploadEngine } from '../engine/engine.ts';
import type { RequestObserver } from '../http/observe-requests.ts';
import { createInstruments } from './instruments.ts';
import { createDutiesObserver, type DutiesObserver } from './observe-duties.ts';
import { createRequestMetrics } from './observe-requests.ts';
import { observeBlobs, observeLedger } from './observe-stores.ts';
import { observeDirectUploads, observeEngine } from './observe-transfers.ts';
import { countEndings, observeUploads } from './observe-uploads.ts';
import { observeProcess, type Report } from './reports.ts';

/**
 * Everything that is counted and measured in one process. The parts of the service know nothing of it: main puts
 * what is watched into what watches it, which behaves the same.
 */
export interface Metrics {
  readonly requests: RequestObserver;
  readonly events: Events;
  readonly duties: DutiesObserver;
  readonly redisCommand: (cmd: string, seconds: number, outcome: 'ok' | 'error') => void;
  uploads(uploads: Uploads): Uploads;
  engine(engine: UploadEngine): UploadEngine;
  directUploads(directUploads: DirectUploads): DirectUploads;
  ledger<L extends Ledger>(ledger: L): L;
  blobs<B extends BlobStore>(blobs: B): B;
  /** Asked with each report. */
  watchBreaker(state: () => 'closed' | 'half_open' | 'open'): void;
  report(): Promise<Report>;
}

const BREAKER_STATES = { closed: 0, half_open: 1, open: 2 } as const;

export function createMetrics(options: {
  readonly version: string;
  readonly backend: BlobStore['backend'];
  readonly reconcileIntervalMs: number;
}): Metrics {
  const { backend } = options;
  const instruments = createInstruments();
  const duties = createDutiesObserver(instruments, options);
  const commands = instruments.histogram('redis_command_duration_seconds');
  const breaker = instruments.gauge('redis_breaker_state')();
  const readProcess = observeProcess();
  let breakerState: (() => keyof typeof BREAKER_STATES) | null = null;
  instruments.gauge('sluice_build_info')(options.version, process.version).set(1);

  return {
    requests: createRequestMetrics(instruments),
    events: countEndings(instruments),
    duties: duties.observer,
    redisCommand: (cmd, seconds, outcome) => commands(cmd, outcome).observe(seconds),
    uploads: (uploads) => observeUploads(uploads, instruments),
    engine: (engine) => observeEngine(engine, instruments, backend),
    directUploads: (directUploads) => observeDirectUploads(directUploads, instruments, backend),
    ledger: (ledger) => observeLedger(ledger, instruments),
    blobs: (blobs) => observeBlobs(blobs, instruments),
    watchBreaker(state) {
      breakerState = state;
    },
    async report() {
      await duties.sample();
      if (breakerState) breaker.set(BREAKER_STATES[breakerState()]);
      return [...instruments.report(), ...(await readProcess())];
    },
  };
}
