import type { Probe } from '../core/ports.ts';

type Status = 'healthy' | 'unhealthy';

/** The health object of the contract. It names products, never hosts or keys. */
export interface HealthReport {
  readonly status: Status;
  readonly redis_connected: boolean;
  readonly service_initialized: boolean;
  readonly configuration_valid: boolean;
  readonly version: string;
  readonly checks: Readonly<Record<Probe['name'], { readonly status: Status; readonly backend: string }>>;
}

/** Asks everything the service depends on, within a deadline. Never throws. */
export type Health = () => Promise<HealthReport>;

interface Deps {
  readonly probes: Readonly<Record<Probe['name'], Probe>>;
  readonly version: string;
  /** Milliseconds that a dependency has to answer. */
  readonly deadlineMs?: number;
  /** Told why a dependency is not well, for the log. */
  readonly onFault?: (probe: Probe, reason: unknown) => void;
}

export function createHealth({ probes, version, deadlineMs = 1500, onFault }: Deps): Health {
  async function statusOf(probe: Probe): Promise<{ status: Status; backend: string }> {
    try {
      await withDeadline(probe.check(), deadlineMs);
      return { status: 'healthy', backend: probe.backend };
    } catch (reason) {
      onFault?.(probe, reason);
      return { status: 'unhealthy', backend: probe.backend };
    }
  }

  async function report(): Promise<HealthReport> {
    const [sessionStore, ledger, storage] = await Promise.all([
      statusOf(probes.session_store),
      statusOf(probes.ledger),
      statusOf(probes.storage),
    ]);
    const healthy = [sessionStore, ledger, storage].every((check) => check.status === 'healthy');
    return {
      status: healthy ? 'healthy' : 'unhealthy',
      redis_connected: sessionStore.backend === 'redis' && sessionStore.status === 'healthy',
      service_initialized: true,
      // The service does not start with a configuration that is not valid.
      configuration_valid: true,
      version,
      checks: { session_store: sessionStore, ledger, storage },
    };
  }

  let running: Promise<HealthReport> | null = null;
  return () => {
    // Everybody who asks meanwhile gets the same answer: a flood of questions asks the stores once.
    running ??= report().finally(() => {
      running = null;
    });
    return running;
  };
}

async function withDeadline(work: Promise<void>, ms: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
