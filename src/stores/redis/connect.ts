import { Redis } from 'ioredis';

/** What the store asks of a client: a single Redis, one behind Sentinels and a Cluster all have it. */
export type RedisClient = Pick<
  Redis,
  'evalsha' | 'eval' | 'hget' | 'hgetall' | 'zrange' | 'ping' | 'isCluster'
>;

export interface RedisConnection {
  readonly host: string;
  readonly port: number;
  readonly db?: number;
  readonly username?: string;
  readonly password?: string;
  /** Speak TLS, verified against the system's authorities. */
  readonly tls?: boolean;
  /** Milliseconds to establish a connection. */
  readonly connectTimeoutMs?: number;
  /** A connection that owes a reply for so many milliseconds is given up and made anew. */
  readonly socketTimeoutMs?: number;
  /** Told of each fault of the connection, for the log. */
  readonly onError?: (fault: Error) => void;
}

/** One command; an operation of the store has one on its hot path and three at most. */
const COMMAND_TIMEOUT_MS = 500;

/**
 * A client that fails fast and never gives up: no command waits for a connection or is sent a second time
 * (its caller has long been answered), and a lost server is tried again at least every second, so its return
 * needs no restart here. Comes back at once, connecting; until then commands are refused.
 */
export function connectRedis(connection: RedisConnection): Redis {
  const { host, port, db = 0, username, password, tls, onError } = connection;
  const redis = new Redis({
    host,
    port,
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: connection.connectTimeoutMs ?? 5000,
    // Half-open connections are noticed by nothing else (ioredis#1021).
    socketTimeout: connection.socketTimeoutMs ?? 5000,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1000) * (0.75 + Math.random() / 2),
    // A master that became a replica refuses writes: the next connection may reach the new one.
    reconnectOnError: (fault) => fault.message.startsWith('READONLY'),
  });
  // Without a listener a lost connection would be an uncaught error and end the process.
  redis.on('error', (fault: Error) => onError?.(fault));
  return redis;
}

/** Resolves once the client can be used: true, or false where that took longer than `timeoutMs`. */
export async function untilReady(redis: Redis, timeoutMs: number): Promise<boolean> {
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
