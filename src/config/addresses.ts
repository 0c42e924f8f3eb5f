import { isIP } from 'node:net';

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
