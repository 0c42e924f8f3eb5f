import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../config.ts';
import { createBackground } from '../core/give-way.ts';
import type { Events } from '../core/ports.ts';
import { createReconcile } from '../core/reconcile.ts';
import type { Uploads } from '../core/uploads.ts';
import type { UploadEngine } from '../engine/engine.ts';
import { startDeliveries, type WebhookTracer } from '../events/deliveries.ts';
import type { DutiesObserver } from '../metrics/observe-duties.ts';
import { startReconciler } from '../reconciler.ts';
import { startSweeper } from '../sweeper.ts';
import { startAbandonedSweeper } from './abandoned-sweeper.ts';
import type { Stores } from './open-stores.ts';

/** A process that dies keeps the others from sweeping for so long; it comes by every two seconds. */
const SWEEPER_LEASE_MS = 5000;

export interface DutiesDeps {
  readonly config: Config;
  readonly stores: Stores;
  readonly instance: string;
  readonly uploads: Uploads;
  readonly engine: UploadEngine;
  readonly events: Events;
  readonly log: FastifyBaseLogger;
  /** Left out: nobody watches. */
  readonly observer?: DutiesObserver | undefined;
  readonly webhookTracer?: WebhookTracer | undefined;
}

export interface Duties {
  stop(): Promise<void>;
}

/**
 * What has to be done whether requests come or not. One process on a machine does it, and of all machines one
 * at a time where doing it twice would be a waste: leases see to that. Nothing breaks where two do it at once.
 */
export function startDuties(deps: DutiesDeps): Duties {
  const { config, stores, instance, uploads, engine, events, log, observer, webhookTracer } = deps;
  const leases = stores.leases(instance);
  const background = createBackground();

  async function sweep(signal: AbortSignal): Promise<number> {
    return (await leases.hold('sweeper', SWEEPER_LEASE_MS)) ? uploads.sweep(signal, background) : 0;
  }

  const running = [
    startSweeper(sweep, log),
    startReconciler({
      reconcile: createReconcile({
        store: stores.sessions,
        ledger: stores.ledger,
        events,
        finishStored: engine.finishStored,
        expire: uploads.expire,
      }),
      leases,
      intervalMs: config.reconcileIntervalMs,
      log,
      ...(observer && { onPass: observer.reconciled }),
    }),
    startDeliveries({
      outbox: stores.ledger.outbox,
      stream: stores.eventStream,
      webhook: config.webhook,
      background,
      periodMs: config.quota.periodMs,
      log,
      ...(observer && { onWebhookAttempt: observer.webhookAttempted }),
      ...(webhookTracer && { webhookTracer }),
    }),
    startAbandonedSweeper(stores, config.limits, log, observer?.orphansRemoved),
  ];

  // With nobody to receive them, events wait for good, and that is no backlog.
  const hasReceiver = stores.eventStream !== null || config.webhook !== null;
  const stopWatching = hasReceiver ? observer?.watchOutbox(stores.ledger.outbox) : undefined;

  return {
    async stop() {
      stopWatching?.();
      await Promise.all(running.map((one) => one.stop()));
      await leases.release('sweeper').catch(() => {});
    },
  };
}
