import { flag, list, text, textOr, whole } from './variable-kinds.ts';

/** Variables that say where Redis is and how to speak to it. */
export const redis = {
  REDIS_HOST: textOr(
    'localhost',
    'Redis server. In the embedded profile Redis is used only where it is named.',
  ),
  REDIS_PORT: whole(6379, [1, 65_535], 'Its port.'),
  REDIS_DB: whole(0, [0, 1_000_000], 'Its database. A Cluster has none but 0.'),
  REDIS_USERNAME: text('User of its access control list; `default` where it is unset.'),
  REDIS_PASSWORD: text("Its password, or that user's.", { secret: true }),
  REDIS_URL: text('All of the above in one: `redis://user:password@host:port/db`, or `rediss://` for TLS.', {
    secret: true,
  }),
  REDIS_TLS: flag(
    false,
    'Speak TLS to Redis, and to its Sentinels. Private authorities are named by `NODE_EXTRA_CA_CERTS`.',
  ),
  REDIS_SOCKET_TIMEOUT: whole(
    5,
    [1, 300],
    'Seconds without an answer after which the connection is given up.',
  ),
  REDIS_SOCKET_CONNECT_TIMEOUT: whole(5, [1, 300], 'Seconds to wait for a connection.'),
  REDIS_KEY_PREFIX: textOr('upload_session', 'First part of every key.'),
  REDIS_EVENT_STREAM: textOr(
    'upload_events',
    'Redis stream that events are added to, for consumers that prefer it to webhooks.',
  ),
  REDIS_SENTINELS: list(
    [],
    'Sentinels that know where the master is, as host:port with commas between. In place of `REDIS_HOST` and `REDIS_PORT`.',
  ),
  REDIS_SENTINEL_MASTER: textOr('mymaster', 'Name under which the Sentinels know the master.'),
  REDIS_SENTINEL_USERNAME: text("User of the Sentinels' own access control list."),
  REDIS_SENTINEL_PASSWORD: text("The Sentinels' own password.", { secret: true }),
  REDIS_CLUSTER_NODES: list(
    [],
    'Some nodes of a Redis Cluster, as host:port with commas between; they tell of the others. In place of `REDIS_HOST` and `REDIS_PORT`.',
  ),
};
