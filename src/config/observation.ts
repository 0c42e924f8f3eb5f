import type { Settings } from './variables.ts';

/** Null where nothing is counted. */
export type MetricsSettings = {
  /** Whoever sends it may read the metrics; null lets those inside read them. */
  readonly token: string | null;
} | null;

/** Null where nothing is traced. */
export type TracesSettings = {
  /** Where spans are POSTed. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** From 0 to 1. */
  readonly ratio: number;
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

/** The variables are those of the OpenTelemetry specification. Faults are added to `faults`. */
export function readTraces(settings: Settings, faults: string[]): TracesSettings {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share } = settings;
  const ratio = Number(share);
  if (share.trim() === '' || !(ratio >= 0 && ratio <= 1)) {
    faults.push(`OTEL_TRACES_SAMPLER_ARG: ${JSON.stringify(share)} is not a number from 0 to 1.`);
  }
  const headers = readHeaders(settings.OTEL_EXPORTER_OTLP_HEADERS, faults);
  if (endpoint === undefined) return null;
  const url = URL.parse(endpoint);
  if (!url || !/^https?:$/.test(url.protocol)) {
    const shown = JSON.stringify(endpoint);
    faults.push(`OTEL_EXPORTER_OTLP_ENDPOINT: ${shown} is not an address like http://collector:4318.`);
    return null;
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return { url: url.href, headers, serviceName: settings.OTEL_SERVICE_NAME, ratio };
}

function readHeaders(entries: readonly string[], faults: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, entry] of entries.entries()) {
    const [, name, value = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? [];
    const decoded = decode(value);
    // What may be a secret is not shown: the entry is named by its place.
    if (name === undefined || decoded === null) {
      faults.push(`OTEL_EXPORTER_OTLP_HEADERS: entry ${index + 1} is not a name, "=" and a value.`);
    } else {
      headers[name] = decoded;
    }
  }
  return headers;
}

function decode(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}
