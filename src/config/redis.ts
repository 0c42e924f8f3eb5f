import type { Profile } from './parse.ts';
import type { Settings, VariableName } from './variables.ts';

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

interface RedisCommon {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
  readonly socketTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** One Redis server; the master that Sentinels name; or a Cluster. */
export type RedisAddress =
  | (RedisCommon & Endpoint & { readonly db: number })
  | (RedisCommon & {
      readonly sentinels: readonly Endpoint[];
      readonly masterName: string;
      readonly sentinelUsername?: string;
      readonly sentinelPassword?: string;
      readonly db: number;
    })
  | (RedisCommon & { readonly nodes: readonly Endpoint[] });

const SENTINEL_PORT = 26_379;
const REDIS_PORT = 6379;

/** In the embedded profile Redis is used where one of these is set. */
const NAMES_REDIS = [
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_URL',
  'REDIS_SENTINELS',
  'REDIS_CLUSTER_NODES',
] as const satisfies readonly VariableName[];

export function usesRedis(profile: Profile, given: ReadonlySet<string>): boolean {
  return profile === 'production' || NAMES_REDIS.some((name) => given.has(name));
}

/** Where it is, for people; no secret is in it. */
export function describeRedis(address: RedisAddress): string {
  if ('nodes' in address) return `the Cluster of ${address.nodes.map(shown).join(', ')}`;
  if ('sentinels' in address) {
    return `${address.masterName}, as the Sentinels ${address.sentinels.map(shown).join(', ')} name it`;
  }
  return shown(address);
}

function shown({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Adds a sentence to `faults` for what cannot be used, and for what is said twice. */
export function readRedis(settings: Settings, given: ReadonlySet<string>, faults: string[]): RedisAddress {
  const common: RedisCommon = {
    ...(settings.REDIS_USERNAME === undefined ? {} : { username: settings.REDIS_USERNAME }),
    ...(settings.REDIS_PASSWORD === undefined ? {} : { password: settings.REDIS_PASSWORD }),
    tls: settings.REDIS_TLS,
    socketTimeoutMs: settings.REDIS_SOCKET_TIMEOUT * 1000,
    connectTimeoutMs: settings.REDIS_SOCKET_CONNECT_TIMEOUT * 1000,
  };
  const refuseBeside = (name: VariableName, others: readonly VariableName[]) => {
    const both = others.filter((other) => given.has(other));
    if (both.length > 0) faults.push(`${name}: says what ${both.join(', ')} say too. Set one or the other.`);
  };

  if (given.has('REDIS_CLUSTER_NODES')) {
    refuseBeside('REDIS_CLUSTER_NODES', ['REDIS_HOST', 'REDIS_PORT', 'REDIS_URL', 'REDIS_SENTINELS']);
    if (settings.REDIS_DB !== 0) faults.push('REDIS_DB: a Redis Cluster has no database but 0. Unset it.');
    const nodes = readEndpoints('REDIS_CLUSTER_NODES', settings.REDIS_CLUSTER_NODES, REDIS_PORT, faults);
    return { ...common, nodes };
  }
  if (given.has('REDIS_SENTINELS')) {
    refuseBeside('REDIS_SENTINELS', ['REDIS_HOST', 'REDIS_PORT', 'REDIS_URL']);
    const { REDIS_SENTINEL_USERNAME: username, REDIS_SENTINEL_PASSWORD: password } = settings;
    return {
      ...common,
      sentinels: readEndpoints('REDIS_SENTINELS', settings.REDIS_SENTINELS, SENTINEL_PORT, faults),
      masterName: settings.REDIS_SENTINEL_MASTER,
      ...(username === undefined ? {} : { sentinelUsername: username }),
      ...(password === undefined ? {} : { sentinelPassword: password }),
      db: settings.REDIS_DB,
    };
  }
  const parts = { ...common, host: settings.REDIS_HOST, port: settings.REDIS_PORT, db: settings.REDIS_DB };
  if (settings.REDIS_URL === undefined) return parts;
  refuseBeside('REDIS_URL', IN_REDIS_URL);
  return readUrl(settings.REDIS_URL, parts, faults);
}

const IN_REDIS_URL = [
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_DB',
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
  'REDIS_TLS',
] as const satisfies readonly VariableName[];

function readUrl(text: string, fallback: RedisAddress, faults: string[]): RedisAddress {
  const url = URL.parse(text);
  const database = url?.pathname.slice(1) ?? '';
  if (!url || !/^rediss?:$/.test(url.protocol) || !url.hostname || !/^\d*$/.test(database)) {
    faults.push('REDIS_URL: its value is not an address like redis://:password@host:6379/0.');
    return fallback;
  }
  return {
    host: unbracketed(url.hostname),
    port: Number(url.port || REDIS_PORT),
    db: Number(database),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    tls: url.protocol === 'rediss:',
    socketTimeoutMs: fallback.socketTimeoutMs,
    connectTimeoutMs: fallback.connectTimeoutMs,
  };
}

function readEndpoints(
  name: VariableName,
  entries: readonly string[],
  defaultPort: number,
  faults: string[],
): Endpoint[] {
  return entries.map((entry) => {
    const [, host = '', port] = /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::(\d{1,5}))?$/i.exec(entry) ?? [];
    const number = Number(port ?? defaultPort);
    if (host === '' || number < 1 || number > 65_535) {
      faults.push(`${name}: ${JSON.stringify(entry)} is not a host and port like redis-1:${defaultPort}.`);
    }
    return { host: unbracketed(host), port: number };
  });
}

function unbracketed(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
