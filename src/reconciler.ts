import type { Leases } from './core/ports.ts';
import type { Reconcile, Reconciliation } from './core/reconcile.ts';

/** A pass that failed, since a store was away, is not put off for the whole interval. */
const RETRY_MS = 5000;
const LEASE = 'reconciler';
/** Uploads that cannot be completed are named in the log, but no more than these. */
const NAMED = 10;
/** Others leave it to the one that was first for a little longer than its interval. */
const LEASE_SPARE_MS = 10_000;

export interface Reconciler {
  /** Ends a running pass and starts no other. */
  stop(): Promise<void>;
}

export interface ReconcilerOptions {
  readonly reconcile: Reconcile;
  readonly leases: Leases;
  /** Milliseconds between two passes. */
  readonly intervalMs: number;
  readonly log: {
    info(details: object, message: string): void;
    warn(details: object, message: string): void;
  };
  /** Told what each pass found that went to its end. */
  readonly onPass?: (found: Reconciliation) => void;
}

/** Reconciles at once and then again and again, in one process of all that share a session store. */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { reconcile, leases, intervalMs, log, onPass } = options;
  const stopping = new AbortController();
  const leaseMs = intervalMs + LEASE_SPARE_MS;
  let running: Promise<void> = Promise.resolve();
  let timer = schedule(0);
  let failing = false;

  function schedule(inMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      running = pass().then((nextInMs) => {
        if (!stopping.signal.aborted) timer = schedule(nextInMs);
      });
    }, inMs).unref();
  }

  /** Gives the milliseconds until the next one. */
  async function pass(): Promise<number> {
    const lost = new AbortController();
    const holding = setInterval(() => void holdOn(lost), leaseMs / 3);
    try {
      if (!(await leases.hold(LEASE, leaseMs))) return intervalMs;
      const signal = AbortSignal.any([stopping.signal, lost.signal]);
      const found = await reconcile(signal);
      tell(found);
      // A pass that was broken off has not seen everybody.
      if (!signal.aborted) onPass?.(found);
      failing = false;
      return intervalMs;
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'reconciling with the ledger failed; it is tried again');
      failing = true;
      return Math.min(RETRY_MS, intervalMs);
    } finally {
      clearInterval(holding);
    }
  }

  /** A pass may take longer than the lease. Where it is somebody else's by now, that one goes on. */
  async function holdOn(lost: AbortController): Promise<void> {
    const held = await leases.hold(LEASE, leaseMs).catch(() => true);
    if (!held) lost.abort();
  }

  function tell(found: Reconciliation): void {
    const { accounts, drifted, driftBytes, finished, completed, stuck } = found;
    const details = { accounts, drifted, quota_drift_bytes: driftBytes, finished, completed };
    if (drifted > 0) log.warn(details, 'accounts had drifted from the ledger, and are healed');
    else if (finished + completed > 0) log.info(details, 'finished uploads that were interrupted');
    if (stuck.length > 0) {
      const named = stuck.slice(0, NAMED).map(({ sessionId }) => sessionId);
      log.warn(
        { stuck: stuck.length, session_ids: named, err: stuck[0]?.fault },
        'uploads with all their bytes cannot be completed; it is tried again',
      );
    }
  }

  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
      await leases.release(LEASE).catch(() => {});
    },
  };
}
