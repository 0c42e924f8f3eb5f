import type { Ledger } from '../core/ports.ts';
import type { Uploads } from '../core/uploads.ts';
import type { UploadEngine } from '../engine/engine.ts';
import type { WebhookTracer } from '../events/deliveries.ts';
import type { RequestTracer } from '../http/trace-requests.ts';
import { traceEngine, traceLedger, traceRequests, traceUploads, traceWebhook } from './trace-parts.ts';
import { createTracer, type TracerOptions } from './tracer.ts';

/** One trace for each upload, from initiate over everything that brings bytes to the settlement and the webhook. */
export interface Traces {
  readonly requests: RequestTracer;
  readonly webhook: WebhookTracer;
  uploads(uploads: Uploads): Uploads;
  engine(engine: UploadEngine): UploadEngine;
  ledger<L extends Ledger>(ledger: L): L;
  close(): Promise<void>;
}

export function createTraces(options: TracerOptions): Traces {
  const tracer = createTracer(options);
  return {
    requests: traceRequests(tracer),
    webhook: traceWebhook(tracer),
    uploads: (uploads) => traceUploads(uploads, tracer),
    engine: (engine) => traceEngine(engine, tracer),
    ledger: (ledger) => traceLedger(ledger, tracer),
    close: tracer.close,
  };
}
