import { join, resolve } from 'node:path';
import { readOrigins, readPublicUrl, readTrustProxy, type TrustProxy } from './config/addresses.ts';
import { type FlaskCookies, readFlask, readJwksUrl, readSecretKey } from './config/credentials.ts';
import { describeMistyped, findMistyped, type Mistyped } from './config/mistyped.ts';
import { type MetricsSettings, readMetrics, readTraces, type TracesSettings } from './config/observation.ts';
import { type Environment, type Profile, parseSettings } from './config/parse.ts';
import { type Protection, readProtection } from './config/protection.ts';
import { type RedisAddress, readRedis, usesRedis } from './config/redis.ts';
import { type LedgerPlace, readLedger, readLimits } from './config/rules.ts';
import { readStorage, type StoragePlace } from './config/storage.ts';
import { ConfigVariables, type Settings } from './config/variables.ts';
import { readWebhook, type WebhookReceiver } from './config/webhook.ts';
import { DAY_MS } from './core/quota.ts';
import type { Limits } from './core/uploads.ts';

export type { Environment, Profile } from './config/parse.ts';

/** Everything that can be configured, checked. Sizes are bytes, times milliseconds where the name ends in Ms. */
export interface Config {
  readonly profile: Profile;
  readonly host: string;
  readonly port: number;
  /** Without a slash at its end; null where unset. */
  readonly publicUrl: string | null;
  readonly trustProxy: TrustProxy;
  /** Exact origins, or `*`. */
  readonly corsOrigins: readonly string[] | '*';
  readonly logLevel: Settings['LOG_LEVEL'];
  /** Absolute. */
  readonly dataDir: string;
  readonly secretKey: string;
  /** Earlier secret keys that are still taken. */
  readonly secretKeyFallbacks: readonly string[];
  readonly sessionIdKey: string;
  readonly jwt: {
    readonly issuer: string | null;
    readonly audience: string | null;
    readonly jwksUrl: string | null;
  };
  /** Null where Flask's cookies are not taken. */
  readonly flask: FlaskCookies | null;
  readonly limits: Limits;
  /** What `upload_instructions.timeout` tells, in seconds. */
  readonly uploadUrlTtlSeconds: number;
  readonly quota: { readonly defaultLimitBytes: number; readonly periodMs: number };
  readonly sessions:
    | { readonly backend: 'sqlite'; readonly file: string }
    | {
        readonly backend: 'redis';
        readonly redis: RedisAddress;
        readonly prefix: string;
        readonly eventStream: string;
      };
  readonly ledger: LedgerPlace;
  readonly storage: StoragePlace;
  /** Null where no webhook is wanted. */
  readonly webhook: WebhookReceiver | null;
  /** Processes that share the port; more than one only where sessions are in Redis. */
  readonly workers: number;
  readonly reconcileIntervalMs: number;
  readonly receiving: { readonly idleTimeoutMs: number; readonly minBytesPerSecond: number };
  readonly protection: Protection;
  readonly metrics: MetricsSettings;
  readonly traces: TracesSettings;
  /** Whether 104 answers may be sent. */
  readonly interimResponses: boolean;
  /** Set, and probably meant to be a variable that there is. */
  readonly mistyped: readonly Mistyped[];
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  /** Everything that is wrong, one sentence each, beginning with the variable's name. */
  | { readonly ok: false; readonly faults: readonly string[] };

/**
 * Reads the configuration from the environment. All faults are found at once. The embedded profile makes its
 * secret key here, the first time.
 */
export function loadConfig(env: Environment, profile: Profile): ConfigResult {
  const { settings, given, faults: unreadable } = parseSettings(env, profile);
  const faults = [...unreadable];
  const dataDir = resolve(settings.DATA_DIR);

  const publicUrl = readPublicUrl(settings.PUBLIC_URL, faults);
  const corsOrigins = readOrigins(settings.CORS_ORIGINS, faults);
  const trustProxy = readTrustProxy(settings.TRUST_PROXY, faults);
  const redis = usesRedis(profile, given) ? readRedis(settings, given, faults) : null;
  if (settings.WORKERS > 1 && redis === null) {
    faults.push(
      `WORKERS: ${settings.WORKERS} processes cannot share sessions in SQLite. Name a Redis, such as REDIS_HOST, or set WORKERS to 1.`,
    );
  }
  const limits = readLimits(settings, given, faults);
  const storage = readStorage(settings, { profile, dataDir, given }, faults);
  const ledger = readLedger(settings, { profile, dataDir }, faults);
  const webhook = readWebhook(settings, faults);
  const protection = readProtection(settings, faults);
  const metrics = readMetrics(settings, faults);
  const traces = readTraces(settings, faults);
  const secretKey = readSecretKey(settings, { profile, dataDir }, faults);
  const jwksUrl = readJwksUrl(settings, faults);
  const mistyped = findMistyped(env, Object.keys(ConfigVariables.properties));
  // Alone no fault: it may belong to somebody else. Beside one it is likely the reason.
  if (faults.length > 0) return { ok: false, faults: [...faults, ...mistyped.map(describeMistyped)] };

  const config: Config = {
    profile,
    host: settings.HOST,
    port: settings.PORT,
    publicUrl,
    trustProxy,
    corsOrigins,
    logLevel: settings.LOG_LEVEL,
    dataDir,
    secretKey,
    secretKeyFallbacks: settings.SECRET_KEY_FALLBACKS,
    sessionIdKey: settings.SESSION_ID_KEY ?? secretKey,
    jwt: { issuer: settings.JWT_ISSUER ?? null, audience: settings.JWT_AUDIENCE ?? null, jwksUrl },
    flask: readFlask(settings),
    limits,
    uploadUrlTtlSeconds: settings.UPLOAD_URL_TTL,
    quota: {
      defaultLimitBytes: settings.UPLOAD_DEFAULT_QUOTA,
      periodMs: settings.UPLOAD_QUOTA_RESET_DAYS * DAY_MS,
    },
    sessions: redis
      ? {
          backend: 'redis',
          redis,
          prefix: settings.REDIS_KEY_PREFIX,
          eventStream: settings.REDIS_EVENT_STREAM,
        }
      : { backend: 'sqlite', file: join(dataDir, 'sessions.db') },
    ledger,
    storage,
    webhook,
    workers: settings.WORKERS,
    reconcileIntervalMs: settings.RECONCILE_INTERVAL * 1000,
    receiving: {
      idleTimeoutMs: settings.UPLOAD_IDLE_TIMEOUT * 1000,
      minBytesPerSecond: settings.UPLOAD_MIN_RATE,
    },
    protection,
    metrics,
    traces,
    interimResponses: settings.INTERIM_RESPONSES,
    mistyped,
  };
  return { ok: true, config };
}
