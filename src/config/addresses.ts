import { isIP } from 'node:net';
import type { Settings, VariableName } from './variables.ts';

/** One Redis server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
  readonly socketTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** The readers below add a sentence to `faults` for what they cannot use. */

export function readPublicUrl(text: string | undefined, faults: string[]): string | null {
  if (text === undefined) return null;
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) {
    faults.push(`PUBLIC_URL: ${JSON.stringify(text)} is not an address like https://uploads.example.org.`);
    return null;
  }
  return url.href.replace(/\/+$/, '');
}

export function readOrigins(origins: readonly string[], faults: string[]): readonly string[] | '*' {
  if (origins.length === 1 && origins[0] === '*') return '*';
  for (const origin of origins) {
    if (URL.parse(origin)?.origin !== origin) {
      faults.push(
        `CORS_ORIGINS: ${JSON.stringify(origin)} is not an origin like https://dash.example.org (no path, no slash at its end).`,
      );
    }
  }
  return origins;
}

/** Whose forwarding headers are believed: everybody's or nobody's, those of so many hops, of these networks. */
export type TrustProxy = boolean | number | readonly string[];

export function readTrustProxy(text: string, faults: string[]): TrustProxy {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const networks = text.split(',').map((entry) => entry.trim());
  for (const network of networks) {
    const [address = '', bits = '0'] = network.split('/');
    if (!NAMED_NETWORKS.includes(network) && !(isIP(address) && /^\d{1,3}$/.test(bits))) {
      faults.push(
        `TRUST_PROXY: ${JSON.stringify(network)} is not an address or network such as 10.0.0.0/8, a number of hops, true or false.`,
      );
    }
  }
  return networks;
}

const NAMED_NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

/** `REDIS_URL`, else `REDIS_HOST` and its companions. Saying both is a contradiction. */
export function readRedis(settings: Settings, given: ReadonlySet<string>, faults: string[]): RedisAddress {
  const timeouts = {
    socketTimeoutMs: settings.REDIS_SOCKET_TIMEOUT * 1000,
    connectTimeoutMs: settings.REDIS_SOCKET_CONNECT_TIMEOUT * 1000,
  };
  const parts: RedisAddress = {
    host: settings.REDIS_HOST,
    port: settings.REDIS_PORT,
    db: settings.REDIS_DB,
    ...(settings.REDIS_PASSWORD === undefined ? {} : { password: settings.REDIS_PASSWORD }),
    tls: settings.REDIS_TLS,
    ...timeouts,
  };
  if (settings.REDIS_URL === undefined) return parts;

  const both = IN_REDIS_URL.filter((name) => given.has(name));
  if (both.length > 0) faults.push(`REDIS_URL: says what ${both.join(', ')} say too. Set one or the other.`);
  const url = URL.parse(settings.REDIS_URL);
  const database = url?.pathname.slice(1) ?? '';
  if (!url || !/^rediss?:$/.test(url.protocol) || !url.hostname || !/^\d*$/.test(database)) {
    faults.push('REDIS_URL: its value is not an address like redis://:password@host:6379/0.');
    return parts;
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    db: Number(database),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    tls: url.protocol === 'rediss:',
    ...timeouts,
  };
}

const IN_REDIS_URL = [
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_DB',
  'REDIS_PASSWORD',
  'REDIS_TLS',
] as const satisfies readonly VariableName[];
