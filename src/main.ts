import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { buildApp } from './app.ts';
import { deriveKey } from './config/secret-key.ts';
import type { Config } from './config.ts';
import { type Administration, createAdministration } from './core/administration.ts';
import type { Events } from './core/ports.ts';
import type { Session } from './core/session.ts';
import { createUploads, type Uploads } from './core/uploads.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { createDirectUploads } from './engine/direct-uploads.ts';
import { createUploadEngine } from './engine/engine.ts';
import { createLiveFeed } from './events/live/feed.ts';
import { createFlaskSessions } from './http/auth/flask-session.ts';
import { auditSessions } from './log/audit.ts';
import { type Duties, startDuties } from './main/duties.ts';
import { openObservation } from './main/open-observation.ts';
import { auditKeys, openAudit, openScanner } from './main/open-protection.ts';
import { openStores, type Stores, shardsOf } from './main/open-stores.ts';

/**
 * The composition root: configuration → stores → app → listen → close. Connections are opened here and
 * nowhere else. A store is loaded only where the configuration names it: together their clients take as much
 * memory as everything else.
 */

/** Milliseconds that running uploads get to acknowledge their bytes when the service stops. */
const UPLOADS_GRACE_MS = 5000;
/** Milliseconds after which connections that are still open are cut. */
const CONNECTIONS_GRACE_MS = 5000;
/**
 * Bytes that each upload gathers before they are stored. S3's parts are gathered by the blob store, under one
 * budget for all uploads; large batches before that would only double the memory of each.
 */
const GATHERING_FOR_S3 = { batchBytes: 128 << 10, highWaterBytes: 256 << 10 };

/** The use cases on these stores. */
export function composeUploads(
  config: Config,
  stores: Stores,
  log: FastifyBaseLogger,
  events: Events = logEvents(log),
): Uploads {
  return createUploads({
    store: stores.sessions,
    ledger: stores.ledger,
    blobs: stores.blobs,
    events,
    limits: config.limits,
    shardOf: shardsOf(config),
  });
}

/** What administrators do, on these stores. `cancel` ends a session, whoever writes it stopped first. */
export function composeAdministration(
  { limits }: Config,
  { ledger, sessions: store }: Stores,
  cancel: Uploads['cancel'],
): Administration {
  return createAdministration({ ledger, store, maxActiveSessions: limits.maxActiveSessions, cancel });
}

function logEvents(log: FastifyBaseLogger): Events {
  return { emit: (event) => log.debug(event, 'session event') };
}

function toAll(...listeners: readonly Events[]): Events {
  return {
    emit(event) {
      for (const listener of listeners) listener.emit(event);
    },
  };
}

export interface Service {
  /** Address it listens on, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly stores: Stores;
  /**
   * Do what one process has to do for all that share the port: sweep, reconcile, deliver events. A process that
   * is alone (`config.workers` is 1) does so from the start. Idempotent.
   */
  takeDuties(): void;
  /** Takes no more requests, lets running ones end for some seconds, closes everything. Idempotent. */
  close(): Promise<void>;
}

/** Another process is at work in the same folder. */
export const DATA_DIR_IN_USE = 'SLUICE_DATA_DIR_IN_USE';

/**
 * Starts the service. Rejects where the folder is in use (`code` is `DATA_DIR_IN_USE`), a database cannot be
 * opened or the port is taken (`EADDRINUSE`).
 * @param wrapStores puts something between the service and its stores: fault tests do.
 */
export async function startService(
  config: Config,
  log: FastifyBaseLogger,
  wrapStores: (stores: Stores) => Stores = (stores) => stores,
): Promise<Service> {
  const unlock = config.sessions.backend === 'sqlite' ? lockOrThrow(config.dataDir) : () => {};
  const audit = openAudit(config, log);
  auditKeys(config, audit);
  const observation = await openObservation(config, log);
  const opened = await openStores(config, log, audit, observation.redisCommand);
  const stores = observation.stores(wrapStores(opened));
  // Makes its folders, where they are new. What is the matter with them is told by /readyz.
  if (config.storage.backend === 'disk') await stores.blobs.check().catch(() => {});
  const scanner = await openScanner(config, audit);
  const feed = createLiveFeed(stores.relay);
  const events = toAll(logEvents(log), auditSessions(audit), feed, ...observation.listeners);
  const uploads = observation.uploads(composeUploads(config, stores, log, events));
  const instance = randomUUID();
  const signals = stores.writerSignals?.(instance) ?? null;
  const isAlone = config.sessions.backend === 'sqlite' && config.storage.backend === 'disk';
  const bareEngine = createUploadEngine({
    sessions: stores.sessions,
    blobs: stores.blobs,
    uploads,
    events,
    instance,
    direct: stores.objectStore?.direct ?? null,
    ...(scanner && { scanner }),
    ...(signals && { stopRemoteWriter: signals.stop }),
    // Whoever wrote before a restart is gone: the folder's lock is ours alone. So are the files in it.
    ...(isAlone && { stopRemoteWriter: async () => true }),
    limits: {
      ...(config.storage.backend === 's3' && GATHERING_FOR_S3),
      idleTimeoutMs: config.receiving.idleTimeoutMs,
      minimumBytesPerSecond: config.receiving.minBytesPerSecond,
      minimumRateWindowMs: config.receiving.idleTimeoutMs,
    },
  });
  const engine = observation.engine(bareEngine);
  signals?.onStop(engine.stopUpTo);
  const bareDirect = stores.objectStore
    ? createDirectUploads({ ...stores, ...stores.objectStore, uploads, engine, events, instance })
    : null;
  const directUploads = bareDirect && observation.directUploads(bareDirect);
  const secretKeys = [config.secretKey, ...config.secretKeyFallbacks];
  let listensOn: string | null = null;
  async function cancel(session: Session) {
    // A writer that still runs would put bytes back where they have just been deleted.
    await engine.stop(session);
    return uploads.cancel(session);
  }

  const app = await buildApp({
    uploads,
    engine,
    cancel,
    administration: composeAdministration(config, stores, cancel),
    directUploads,
    feed,
    sessions: stores.sessions,
    probes: { session_store: stores.sessions, ledger: stores.ledger, storage: stores.blobs },
    log,
    audit,
    ...observation.ofApp,
    limits: { store: stores.rateLimits, ...config.protection },
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
    await observation.close();
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
  let duties: Duties | null = null;
  function takeDuties(): void {
    const deps = { config, stores, instance, uploads, engine, events, log, ...observation.ofDuties };
    if (closing === null) duties ??= startDuties(deps);
  }

  async function close(): Promise<void> {
    const closed = app.close();
    await Promise.all([duties?.stop(), engine.close(UPLOADS_GRACE_MS)]);
    const impatient = setTimeout(() => app.server.closeAllConnections(), CONNECTIONS_GRACE_MS);
    await closed;
    clearTimeout(impatient);
    await closeStores();
  }

  let closing: Promise<void> | null = null;
  if (config.workers === 1) takeDuties();
  return {
    url: listensOn,
    stores,
    takeDuties,
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
