import type { OutboxBacklog } from '../core/outbox.ts';
import type { Reconciliation } from '../core/reconcile.ts';
import type { WebhookObserver } from '../events/deliveries.ts';
import type { Instruments } from './instruments.ts';

/**
 * What only the process on duty knows: the state that all processes share. The others report nothing of it, so that
 * nothing is summed up twice.
 */
export interface DutiesObserver {
  readonly reconciled: (found: Reconciliation) => void;
  readonly orphansRemoved: (removed: number) => void;
  readonly webhookAttempted: WebhookObserver;
  /** Asked with each report, from now on until the returned function is called. */
  watchOutbox(outbox: OutboxBacklog): () => void;
}

/** Another instance may have taken over: what was found then is not told for ever. */
const STALE_AFTER_INTERVALS = 3;

export function createDutiesObserver(
  instruments: Instruments,
  options: { readonly reconcileIntervalMs: number },
) {
  const reservedBytes = instruments.gauge('quota_reserved_bytes')();
  const activeSessions = instruments.gauge('upload_sessions_active')();
  const driftBytes = instruments.gauge('quota_drift_bytes')();
  const orphans = instruments.gauge('multipart_orphans')();
  const pending = instruments.gauge('outbox_pending')();
  const oldest = instruments.gauge('outbox_oldest_seconds')();
  const attempts = instruments.counter('webhook_attempts_total');
  const firstAttempts = instruments.histogram('webhook_first_attempt_delay_seconds')();
  const staleAfterMs = STALE_AFTER_INTERVALS * options.reconcileIntervalMs;
  let reconciledAt = Number.NEGATIVE_INFINITY;
  let outbox: OutboxBacklog | null = null;

  function dropStale(): void {
    if (performance.now() - reconciledAt < staleAfterMs) return;
    for (const gauge of [reservedBytes, activeSessions, driftBytes]) gauge.clear();
  }

  async function sampleOutbox(): Promise<void> {
    try {
      const backlog = await outbox?.backlog();
      if (!backlog) return clearBacklog();
      pending.set(backlog.pending);
      oldest.set(backlog.oldestMs / 1000);
    } catch {
      // The ledger is away: uploads end with 503, which SluiceUploadsFail wakes for.
      clearBacklog();
    }
  }

  function clearBacklog(): void {
    pending.clear();
    oldest.clear();
  }

  const observer: DutiesObserver = {
    reconciled(found) {
      reconciledAt = performance.now();
      reservedBytes.set(found.reservedBytes);
      activeSessions.set(found.activeSessions);
      driftBytes.set(found.driftBytes);
    },
    orphansRemoved: (removed) => orphans.set(removed),
    webhookAttempted(event, beganAt, outcome) {
      attempts(outcome).add(1);
      // Two clocks: the ledger's and this machine's.
      if (event.attempts === 1) firstAttempts.observe(Math.max(0, beganAt - event.createdAt) / 1000);
    },
    watchOutbox(watched) {
      outbox = watched;
      return () => {
        outbox = null;
      };
    },
  };

  return {
    observer,
    /** Bring what is not told but has to be asked for up to date. Never throws. */
    async sample(): Promise<void> {
      dropStale();
      await sampleOutbox();
    },
  };
}
