import type { Settings } from './variables.ts';

/** Null where nothing is counted. */
export type MetricsSettings = {
  /** Whoever sends it may read the metrics; null lets those inside read them. */
  readonly token: string | null;
} | null;

/** What a bearer token may be made of (RFC 6750, section 2.1). */
const TOKEN = /^[\w.~+/=-]{8,512}$/;

/** Faults are added to `faults`. */
export function readMetrics({ METRICS, METRICS_TOKEN: token }: Settings, faults: string[]): MetricsSettings {
  if (token !== undefined && !TOKEN.test(token)) {
    faults.push(
      'METRICS_TOKEN: a bearer token has 8 to 512 letters, digits and characters of -._~+/= in it.',
    );
  }
  return METRICS ? { token: token ?? null } : null;
}
