import type { Duplex } from 'node:stream';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { gatherWrites } from './gather-writes.ts';

/** What the store asks of a client: a single Redis, one behind Sentinels and a Cluster all have it. */
export type RedisClient = Pick<
  Redis,
  'evalsha' | 'eval' | 'hget' | 'hgetall' | 'zrange' | 'ping' | 'isCluster'
>;

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

interface ConnectionSettings {
  readonly username?: string;
  readonly password?: string;
  /** Speak TLS, verified against the authorities that Node trusts; with Sentinels too. */
  readonly tls?: boolean;
  /** Milliseconds to establish a connection. */
  readonly connectTimeoutMs?: number;
  /** A connection that owes a reply for so many milliseconds is given up and made anew. */
  readonly socketTimeoutMs?: number;
  /** Told of each fault of the connection, for the log. */
  readonly onError?: (fault: Error) => void;
}

interface OneServer extends ConnectionSettings, Endpoint {
  readonly db?: number;
}

/** The master that Sentinels name. */
interface SentinelGroup extends ConnectionSettings {
  readonly sentinels: readonly Endpoint[];
  readonly masterName: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly db?: number;
}

interface ClusterNodes extends ConnectionSettings {
  /** Some nodes of the Cluster; they tell of the others. */
  readonly nodes: readonly Endpoint[];
}

const CONNECT_TIMEOUT_MS = 5000;
/** A Sentinel that is lost is listened to again after so long. */
const SENTINEL_PAUSE_MS = 5000;
/** What a Cluster redirects, or a lost node fails, is sent again so often, so long apart: 0.8 s in all. */
const CLUSTER_REDIRECTIONS = 8;
const CLUSTER_PAUSE_MS = 100;

/**
 * A client that fails fast and never gives up: no command waits for a connection, or is sent a second time to
 * a server that may have done it (its caller has long been answered), and a lost server is tried again at
 * least every second, so its return needs no restart here. Comes back at once, connecting; until then
 * commands are refused.
 *
 * A Cluster's client does send again, for less than a second, what a node lost or refused: the scripts bear it.
 */
export function connectRedis(connection: OneServer | SentinelGroup): Redis;
export function connectRedis(connection: ClusterNodes): Cluster;
export function connectRedis(connection: OneServer | SentinelGroup | ClusterNodes): Redis | Cluster;
export function connectRedis(connection: OneServer | SentinelGroup | ClusterNodes): Redis | Cluster {
  const client = 'nodes' in connection ? connectCluster(connection) : connectServer(connection);
  // Without a listener a lost connection would be an uncaught error and end the process.
  client.on('error', (fault: Error) => connection.onError?.(fault));
  gatherWrites(client);
  return client;
}

/**
 * The client listens to the first fault of a connection alone. A TLS server that is given up for its certificate may
 * answer that with an alert, which is a second one: without a listener it would end the process.
 */
function outliveFaults(client: Redis): void {
  const connector: { connect: (...args: unknown[]) => Promise<Duplex> } = Reflect.get(client, 'connector');
  const connect = connector.connect.bind(connector);
  connector.connect = async (...args) => {
    const connection = await connect(...args);
    return connection.on('error', () => {});
  };
}

function connectServer(connection: OneServer | SentinelGroup): Redis {
  const options = {
    ...optionsOf(connection),
    ...('sentinels' in connection
      ? sentinelOptions(connection)
      : { host: connection.host, port: connection.port }),
    db: connection.db ?? 0,
    enableOfflineQueue: false,
    retryStrategy: reconnectIn,
    // A master that became a replica refuses writes: the next connection may reach the new one.
    reconnectOnError: (fault: Error) => fault.message.startsWith('READONLY'),
    // `begin` does, here and for a listener, which has the same options.
    lazyConnect: true,
  };
  return begin(new Redis(options));
}

/** Connects a client that has waited for it, for good. */
function begin(client: Redis): Redis {
  outliveFaults(client);
  client.connect().catch(() => {});
  return neverEnding(client);
}

/**
 * A client that hears from a Sentinel of a failover just while it is connecting takes that for being closed: it ends for
 * good, and its process would have no Redis until it is started anew. Unless we closed it, it begins again.
 */
function neverEnding(client: Redis): Redis {
  const disconnect = client.disconnect.bind(client);
  let closed = false;
  client.disconnect = (reconnect = false) => {
    closed ||= !reconnect;
    disconnect(reconnect);
  };
  client.on('end', () => {
    setTimeout(() => {
      if (!closed) client.connect().catch(() => {});
    }, reconnectIn(1));
  });
  return client;
}

function sentinelOptions(group: SentinelGroup) {
  const { sentinelUsername, sentinelPassword, tls, connectTimeoutMs = CONNECT_TIMEOUT_MS } = group;
  return {
    sentinels: [...group.sentinels],
    name: group.masterName,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: reconnectIn,
    sentinelCommandTimeout: connectTimeoutMs,
    // Sentinels tell of a new master at once; a connection to the old one may look well for a long time.
    failoverDetector: true,
    sentinelReconnectStrategy: () => SENTINEL_PAUSE_MS,
  } satisfies RedisOptions;
}

function connectCluster({ nodes, ...settings }: ClusterNodes): Cluster {
  const cluster = new Cluster([...nodes], {
    redisOptions: optionsOf(settings),
    enableOfflineQueue: false,
    maxRedirections: CLUSTER_REDIRECTIONS,
    retryDelayOnFailover: CLUSTER_PAUSE_MS,
    retryDelayOnClusterDown: CLUSTER_PAUSE_MS,
    retryDelayOnTryAgain: CLUSTER_PAUSE_MS,
    clusterRetryStrategy: reconnectIn,
    // Nodes that failed over come back as replicas, and slots may move: nobody else would tell of it.
    slotsRefreshInterval: 15_000,
    // Certificates are issued for names: they must not be resolved before they are compared.
    ...(settings.tls ? { dnsLookup: (name, done) => done(null, name) } : {}),
  });
  cluster.on('+node', outliveFaults);
  cluster.on('node error', (fault: Error) => settings.onError?.(fault));
  return cluster;
}

function optionsOf({ username, password, tls, ...settings }: ConnectionSettings) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: settings.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    // Half-open connections are noticed by nothing else (ioredis#1021).
    socketTimeout: settings.socketTimeoutMs ?? 5000,
    // There is no `commandTimeout`: `withDeadline` judges, and what a lost connection owes is forgotten with it. A timer of
    // the client for each command would cost as much again as making and sending it.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  } satisfies RedisOptions;
}

function reconnectIn(attempt: number): number {
  return Math.min(50 * attempt, 1000) * (0.75 + Math.random() / 2);
}

/** A second client to the same place, which can do nothing but listen. Whoever has it subscribes again when it was cut. */
export function connectListener(redis: Redis | Cluster): Redis | Cluster {
  if (!(redis instanceof Cluster)) return begin(redis.duplicate({ autoResubscribe: false }));
  return redis.duplicate().on('+node', outliveFaults);
}

/** Resolves once the client can be used: true, or false where that took longer than `timeoutMs`. */
export async function untilReady(redis: Redis | Cluster, timeoutMs: number): Promise<boolean> {
  if (redis.status === 'ready') return true;
  return new Promise((resolve) => {
    const settle = (ready: boolean) => {
      clearTimeout(timer);
      redis.off('ready', onReady);
      resolve(ready);
    };
    const onReady = () => settle(true);
    const timer = setTimeout(() => settle(false), timeoutMs);
    redis.once('ready', onReady);
  });
}
