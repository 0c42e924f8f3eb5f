import type { FastifyBaseLogger } from 'fastify';
import { describeRedis } from '../config/redis.ts';
import { deriveKey } from '../config/secret-key.ts';
import type { Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import type { Outbox, OutboxBacklog } from '../core/outbox.ts';
import type {
  AbandonedUploads,
  AccountDirectory,
  Accounts,
  BlobStore,
  Concatenation,
  DirectBlobs,
  DueSessions,
  KnownAccounts,
  Leases,
  Ledger,
  PartList,
  Probe,
  RateLimits,
  SessionDirectory,
  SessionStore,
  WriterSignals,
} from '../core/ports.ts';
import { createRecent } from '../core/recent.ts';
import { shardOfUser } from '../core/session-id.ts';
import { createMemoryRelay } from '../events/live/memory-relay.ts';
import { createRedisRelay } from '../events/live/redis-relay.ts';
import type { Relay } from '../events/live/relay.ts';
import type { RedisStreamOptions } from '../events/redis-stream.ts';
import type { Audit } from '../log/audit.ts';
import { createOutageLines } from '../log/outage-lines.ts';
import type { ObserveCommand } from '../stores/redis/scripts.ts';
import { openAudit, openCipher, protectSessions } from './open-protection.ts';
import { ledgerRefusal, openFileOrRefuse, redisRefusal } from './refusal.ts';

/** Connections are opened here, for main.ts, and nowhere else. */

/** Milliseconds to wait for Redis at the start; the service starts without it all the same, and says 503. */
const REDIS_WAIT_MS = 2000;

const clock = { now: () => Date.now() };

/** Everything that keeps something, opened as configured. */
export interface Stores {
  readonly sessions: SessionStore &
    Concatenation &
    Accounts &
    KnownAccounts &
    DueSessions &
    SessionDirectory &
    PartList &
    Probe;
  readonly ledger: Ledger & AccountDirectory & Probe & { readonly outbox: Outbox & OutboxBacklog };
  readonly blobs: BlobStore & Probe;
  /** What else an object store can do; null where files are on the disk. */
  readonly objectStore: { readonly direct: DirectBlobs } | null;
  /** Bytes that no session knows of, wherever files are. */
  readonly abandoned: AbandonedUploads;
  readonly rateLimits: RateLimits;
  /** Where events are added; null without Redis. */
  readonly eventStream: RedisStreamOptions | null;
  /** Opens the line to the other processes that share these sessions; null where there cannot be any. */
  readonly writerSignals: ((instance: string) => WriterSignals) | null;
  /** What a process of that name asks for so that others leave it alone. */
  readonly leases: (instance: string) => Leases;
  /** Whether calls to Redis are refused without asking it; null without Redis. */
  readonly breakerState: (() => 'closed' | 'half_open' | 'open') | null;
  /** What the connection to Redis failed with last; null where it did not, and without Redis. */
  readonly lastRedisFault: () => Error | null;
  /** Carries live events between the processes that share these sessions. */
  readonly relay: Relay;
  close(): Promise<void>;
}

/** Rejects where a database cannot be opened, or refuses us (`STORE_REFUSES`); one that is away is waited for by nobody. */
export async function openStores(
  config: Config,
  log: FastifyBaseLogger,
  audit: Audit = openAudit(config, log),
  observeCommand?: ObserveCommand,
): Promise<Stores> {
  const { sessions: opened, close, eventStream, ...shared } = await openSessions(config, log, observeCommand);
  const cipher = await openCipher(config, audit);
  const sessions = await protectSessions(opened, cipher, audit);
  const ledger = await openLedger(config, log).catch((error: unknown) => {
    close();
    throw error;
  });
  const { close: closeBlobs, ...storage } = await openBlobs(config, sessions);
  return {
    ...shared,
    sessions,
    eventStream: eventStream && { ...eventStream, cipher },
    ledger,
    ...storage,
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
): Promise<Pick<Stores, 'blobs' | 'objectStore' | 'abandoned'> & { close: () => void }> {
  if (storage.backend === 'disk') {
    const { createDiskBlobStore } = await import('../stores/disk/blobs.ts');
    const blobs = createDiskBlobStore(storage);
    return { blobs, objectStore: null, abandoned: blobs, close: () => {} };
  }
  const [{ connectS3 }, { createS3BlobStore }] = await Promise.all([
    import('../stores/s3/connect.ts'),
    import('../stores/s3/blob-store.ts'),
  ]);
  const { bucket, memoryBudgetBytes, publicEndpoint, ...connection } = storage;
  const client = connectS3(connection);
  const signer = connectS3({ ...connection, endpoint: publicEndpoint ?? connection.endpoint });
  const options = { client, signer, bucket, partList, memoryBudgetBytes };
  const { blobs, ...objectStore } = createS3BlobStore(options);
  return { blobs, objectStore, abandoned: objectStore, close: () => client.destroy() };
}

/** Waits for nobody: where PostgreSQL is away it is tried again with each call. */
export async function openLedger({ ledger: place, quota }: Config, log: FastifyBaseLogger) {
  if (place.backend === 'sqlite') {
    const { createSqliteLedger } = await import('../stores/sqlite/ledger.ts');
    return openFileOrRefuse(place.file, () => createSqliteLedger({ file: place.file, clock, ...quota }));
  }
  const { createPostgresLedger } = await import('../stores/postgres/ledger.ts');
  const ledger = createPostgresLedger({ databaseUrl: place.databaseUrl, ...quota });
  try {
    await ledger.check();
  } catch (error) {
    const refusal = ledgerRefusal(place.databaseUrl, error);
    if (refusal || !(error instanceof SluiceError) || error.retryAfterSeconds === undefined) {
      await ledger.close();
      throw refusal ?? error;
    }
    log.warn({ err: error }, 'PostgreSQL does not answer yet; it is tried again');
  }
  return ledger;
}

interface OpenedSessions
  extends Omit<Stores, 'ledger' | 'blobs' | 'objectStore' | 'abandoned' | 'eventStream' | 'close'> {
  readonly eventStream: Omit<RedisStreamOptions, 'cipher'> | null;
  readonly close: () => void;
}

async function openSessions(
  config: Config,
  log: FastifyBaseLogger,
  observe: ObserveCommand | undefined,
): Promise<OpenedSessions> {
  if (config.sessions.backend === 'sqlite') {
    const [{ createSqliteSessionStore }, { createMemoryRateLimits }, { createMemoryLeases }] =
      await Promise.all([
        import('../stores/sqlite/sessions.ts'),
        import('../stores/memory/rate-limits.ts'),
        import('../stores/memory/leases.ts'),
      ]);
    const rateLimits = createMemoryRateLimits();
    const { file } = config.sessions;
    const sessions = openFileOrRefuse(file, () => createSqliteSessionStore({ file, clock }));
    const relay = createMemoryRelay(clock);
    return {
      sessions,
      rateLimits,
      eventStream: null,
      writerSignals: null,
      leases: createMemoryLeases,
      breakerState: null,
      lastRedisFault: () => null,
      relay,
      close: () => sessions.close(),
    };
  }
  const [
    { connectRedis, untilReady },
    { createRedisSessionStore },
    { keysWithPrefix },
    { createSubscriptions },
    { createRedisWriterSignals },
    { createRedisRateLimits },
    { createRedisLeases },
  ] = await Promise.all([
    import('../stores/redis/connect.ts'),
    import('../stores/redis/sessions.ts'),
    import('../stores/redis/keys.ts'),
    import('../stores/redis/subscriptions.ts'),
    import('../stores/redis/writer-signals.ts'),
    import('../stores/redis/rate-limits.ts'),
    import('../stores/redis/leases.ts'),
  ]);
  const { redis: address, prefix, eventStream: stream } = config.sessions;
  let lastFault: Error | null = null;
  const outage = createOutageLines(log, 'Redis');
  const onError = (error: Error) => {
    lastFault = error;
    outage.failed(error);
  };
  const redis = connectRedis({ ...address, onError });
  redis.on('ready', outage.over);
  if (!(await untilReady(redis, REDIS_WAIT_MS))) {
    const refusal = redisRefusal(address, lastFault);
    if (refusal) {
      redis.disconnect();
      throw refusal;
    }
    log.warn({ redis: describeRedis(address) }, 'Redis does not answer yet; it is tried again');
  }
  const shardOf = shardsOf(config);
  const keys = keysWithPrefix(prefix);
  const sessions = createRedisSessionStore({ redis, prefix, shardOf, observe });
  const subscriptions = createSubscriptions(redis, onError);
  return {
    sessions,
    rateLimits: createRedisRateLimits({ redis, prefix, shardOf, observe }),
    eventStream: { redis, stream },
    writerSignals: (instance) => createRedisWriterSignals({ redis, prefix, instance, onError }),
    leases: (instance) => createRedisLeases({ redis, prefix, instance, observe }),
    breakerState: sessions.breakerState,
    lastRedisFault: () => lastFault,
    relay: createRedisRelay({
      commands: redis,
      subscriptions,
      keysOf(userId) {
        const shard = shardOf(userId);
        return { listened: keys.listened(shard, userId), stream: keys.live(shard, userId) };
      },
      onLost: (err) => log.debug({ err }, 'a live event was lost'),
    }),
    close() {
      subscriptions.close();
      redis.disconnect();
    },
  };
}

/** Users whose shards are not computed anew. */
const SHARDS_REMEMBERED = 10_000;

/**
 * Embedded processes that share a Redis may each have a secret of their own, but a user must have one shard:
 * there the key is the same for all. It only spreads users evenly; it protects nothing on one machine.
 */
export function shardsOf(config: Config): (userId: string) => string {
  const secret = config.profile === 'embedded' ? 'embedded' : config.sessionIdKey;
  const key = deriveKey(secret, 'session-id-shard');
  // A request asks for it half a dozen times.
  const known = createRecent<string>(SHARDS_REMEMBERED);
  return (userId) => {
    const remembered = known.get(userId);
    if (remembered !== undefined) return remembered;
    const shard = shardOfUser(key, userId);
    known.set(userId, shard);
    return shard;
  };
}
