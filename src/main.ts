import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { buildApp } from './app.ts';
import { deriveKey } from './config/secret-key.ts';
import type { Config } from './config.ts';
import { SluiceError } from './core/errors.ts';
import type { Outbox } from './core/outbox.ts';
import type {
  Accounts,
  BlobStore,
  DueSessions,
  Ledger,
  PartList,
  Probe,
  SessionStore,
} from './core/ports.ts';
import { shardOfUser } from './core/session-id.ts';
import { createUploads, type Uploads } from './core/uploads.ts';
import type { WriterSignals } from './core/ports/writer-signals.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { createUploadEngine } from './engine/engine.ts';
import { startDeliveries } from './events/deliveries.ts';
import type { RedisStreamOptions } from './events/redis-stream.ts';
import { createFlaskSessions } from './http/auth/flask-session.ts';
import { startSweeper } from './sweeper.ts';

/**
 * The composition root: configuration → stores → app → listen → close. Connections are opened here and
 * nowhere else. A store is loaded only where the configuration names it: together their clients take as much
 * memory as everything else.
 */

/** Milliseconds that running uploads get to acknowledge their bytes when the service stops. */
const UPLOADS_GRACE_MS = 5000;
/** Milliseconds after which connections that are still open are cut. */
const CONNECTIONS_GRACE_MS = 5000;
/** Milliseconds to wait for Redis at the start; the service starts without it all the same, and says 503. */
const REDIS_WAIT_MS = 2000;

/**
 * Bytes that each upload gathers before they are stored. S3's parts are gathered by the blob store, under one
 * budget for all uploads; large batches before that would only double the memory of each.
 */
const GATHERING_FOR_S3 = { batchBytes: 256 << 10, highWaterBytes: 512 << 10 };

const clock = { now: () => Date.now() };

/** Everything that keeps something, opened as configured. */
export interface Stores {
  readonly sessions: SessionStore & Accounts & DueSessions & PartList & Probe;
  readonly ledger: Ledger & Probe & { readonly outbox: Outbox };
  readonly blobs: BlobStore & Probe;
  /** Where events are added; null without Redis. */
  readonly eventStream: RedisStreamOptions | null;
  /** Opens the line to the other processes that share these sessions; null where there cannot be any. */
  readonly writerSignals: ((instance: string) => WriterSignals) | null;
  close(): Promise<void>;
}

export async function openStores(config: Config, log: FastifyBaseLogger): Promise<Stores> {
  const { sessions, eventStream, writerSignals, close } = await openSessions(config, log);
  const ledger = await openLedger(config, log);
  const { blobs, close: closeBlobs } = await openBlobs(config, sessions);
  return {
    sessions,
    ledger,
    blobs,
    eventStream,
    writerSignals,
    async close() {
      close();
      closeBlobs();
      await ledger.close();
    },
  };
}

/** S3 is first spoken to when it is needed: a bucket that is away now does not keep the service from starting. */
async function openBlobs(
  { storage }: Config,
  partList: PartList,
): Promise<{ blobs: Stores['blobs']; close: () => void }> {
  if (storage.backend === 'disk') {
    const { createDiskBlobStore } = await import('./stores/disk/blobs.ts');
    return { blobs: createDiskBlobStore(storage), close: () => {} };
  }
  const [{ connectS3 }, { createS3BlobStore }] = await Promise.all([
    import('./stores/s3/connect.ts'),
    import('./stores/s3/blob-store.ts'),
  ]);
  const { bucket, memoryBudgetBytes, ...connection } = storage;
  const client = connectS3(connection);
  const { blobs } = createS3BlobStore({ client, bucket, partList, memoryBudgetBytes });
  return { blobs, close: () => client.destroy() };
}

/** Waits for nobody: where PostgreSQL is away it is tried again with each call. */
export async function openLedger({ ledger: place, quota }: Config, log: FastifyBaseLogger) {
  if (place.backend === 'sqlite') {
    const { createSqliteLedger } = await import('./stores/sqlite/ledger.ts');
    return createSqliteLedger({ file: place.file, clock, ...quota });
  }
  const { createPostgresLedger } = await import('./stores/postgres/ledger.ts');
  const ledger = createPostgresLedger({ databaseUrl: place.databaseUrl, ...quota });
  try {
    await ledger.check();
  } catch (error) {
    if (!(error instanceof SluiceError) || error.retryAfterSeconds === undefined) {
      await ledger.close();
      throw error;
    }
    log.warn({ err: error }, 'PostgreSQL does not answer yet; it is tried again');
  }
  return ledger;
}

async function openSessions(
  config: Config,
  log: FastifyBaseLogger,
): Promise<Pick<Stores, 'sessions' | 'eventStream' | 'writerSignals'> & { close: () => void }> {
  if (config.sessions.backend === 'sqlite') {
    const { createSqliteSessionStore } = await import('./stores/sqlite/sessions.ts');
    const sessions = createSqliteSessionStore({ file: config.sessions.file, clock });
    return { sessions, eventStream: null, writerSignals: null, close: () => sessions.close() };
  }
  const [{ connectRedis, untilReady }, { createRedisSessionStore }, { createRedisWriterSignals }] =
    await Promise.all([
      import('./stores/redis/connect.ts'),
      import('./stores/redis/sessions.ts'),
      import('./stores/redis/writer-signals.ts'),
    ]);
  const { redis: address, prefix, eventStream: stream } = config.sessions;
  const onError = (error: Error) => log.warn({ err: error }, 'the connection to Redis failed');
  const redis = connectRedis({ ...address, onError });
  if (!(await untilReady(redis, REDIS_WAIT_MS))) {
    log.warn({ host: address.host, port: address.port }, 'Redis does not answer yet; it is tried again');
  }
  const sessions = createRedisSessionStore({ redis, prefix, shardOf: shardsOf(config) });
  return {
    sessions,
    eventStream: { redis, stream },
    writerSignals: (instance) => createRedisWriterSignals({ redis, prefix, instance, onError }),
    close: () => redis.disconnect(),
  };
}

/** The use cases on these stores. */
export function composeUploads(config: Config, stores: Stores, log: FastifyBaseLogger): Uploads {
  return createUploads({
    store: stores.sessions,
    ledger: stores.ledger,
    blobs: stores.blobs,
    events: eventsTo(log),
    limits: config.limits,
    shardOf: shardsOf(config),
  });
}

/**
 * Embedded processes that share a Redis may each have a secret of their own, but a user must have one shard:
 * there the key is the same for all. It only spreads users evenly; it protects nothing on one machine.
 */
function shardsOf(config: Config): (userId: string) => string {
  const secret = config.profile === 'embedded' ? 'embedded' : config.sessionIdKey;
  const key = deriveKey(secret, 'session-id-shard');
  return (userId) => shardOfUser(key, userId);
}

function eventsTo(log: FastifyBaseLogger) {
  return { emit: (event: object) => log.debug(event, 'session event') };
}

export interface Service {
  /** Address it listens on, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly stores: Stores;
  /** Takes no more requests, lets running ones end for some seconds, closes everything. Idempotent. */
  close(): Promise<void>;
}

/** Another process is at work in the same folder. */
export const DATA_DIR_IN_USE = 'SLUICE_DATA_DIR_IN_USE';

/**
 * Starts the service. Rejects where the folder is in use (`code` is `DATA_DIR_IN_USE`), a database cannot be
 * opened or the port is taken (`EADDRINUSE`).
 */
export async function startService(config: Config, log: FastifyBaseLogger): Promise<Service> {
  const unlock = config.sessions.backend === 'sqlite' ? lockOrThrow(config.dataDir) : () => {};
  const stores = await openStores(config, log);
  const uploads = composeUploads(config, stores, log);
  const instance = randomUUID();
  const signals = stores.writerSignals?.(instance) ?? null;
  const engine = createUploadEngine({
    sessions: stores.sessions,
    blobs: stores.blobs,
    uploads,
    events: eventsTo(log),
    instance,
    ...(signals && { stopRemoteWriter: signals.stop }),
    limits: {
      ...(config.storage.backend === 's3' && GATHERING_FOR_S3),
      idleTimeoutMs: config.receiving.idleTimeoutMs,
      minimumBytesPerSecond: config.receiving.minBytesPerSecond,
      minimumRateWindowMs: config.receiving.idleTimeoutMs,
    },
  });
  signals?.onStop(engine.stopUpTo);
  const secretKeys = [config.secretKey, ...config.secretKeyFallbacks];
  let listensOn: string | null = null;
  const app = await buildApp({
    uploads,
    engine,
    sessions: stores.sessions,
    probes: { session_store: stores.sessions, ledger: stores.ledger, storage: stores.blobs },
    log,
    settings: {
      jwt: { ...config.jwt, secretKeys },
      uploadTokenKeys: secretKeys.map((secret) => deriveKey(secret, 'upload-token')),
      flask: config.flask && { ...config.flask, sessions: createFlaskSessions(config.flask) },
      publicUrl: config.publicUrl,
      ownAddress: () => (config.profile === 'embedded' ? listensOn : null),
      trustProxy: config.trustProxy,
      corsOrigins: config.corsOrigins,
      uploadUrlTtlSeconds: config.uploadUrlTtlSeconds,
      interimResponses: config.interimResponses,
    },
  });

  const closeStores = async () => {
    signals?.close();
    await stores.close();
    unlock();
  };
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await app.close();
    await closeStores();
    throw error;
  }
  listensOn = urlOf(app.server.address(), config.host);
  const sweeper = startSweeper(uploads.sweep, log);
  const deliveries = startDeliveries({
    outbox: stores.ledger.outbox,
    stream: stores.eventStream,
    webhook: config.webhook,
    periodMs: config.quota.periodMs,
    log,
  });

  async function close(): Promise<void> {
    const closed = app.close();
    await Promise.all([sweeper.stop(), deliveries.stop(), engine.close(UPLOADS_GRACE_MS)]);
    const impatient = setTimeout(() => app.server.closeAllConnections(), CONNECTIONS_GRACE_MS);
    await closed;
    clearTimeout(impatient);
    await closeStores();
  }

  let closing: Promise<void> | null = null;
  return {
    url: listensOn,
    stores,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function lockOrThrow(dataDir: string): () => void {
  const unlock = lockDataDir(dataDir);
  if (unlock === null) {
    throw Object.assign(new Error(`Another Sluice is at work in ${dataDir}.`), { code: DATA_DIR_IN_USE });
  }
  return unlock;
}

/** The address as a client on this machine reaches it. */
function urlOf(address: AddressInfo | string | null, host: string): string {
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a TCP port');
  const anyAddress = host === '0.0.0.0' || host === '::';
  const name = anyAddress ? 'localhost' : address.family === 'IPv6' ? `[${address.address}]` : host;
  return `http://${name}:${address.port}`;
}
