import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { TrustProxy } from '../config/addresses.ts';

/** Whether the forwarding headers that came from this address are believed; the peer itself is hop 0. */
export type TrustsProxy = (address: string, hop: number) => boolean;

/** Names that Express and proxies have for well-known networks. */
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

export function createTrust(trust: TrustProxy): TrustsProxy {
  if (typeof trust === 'boolean') return () => trust;
  if (typeof trust === 'number') return (_address, hop) => hop < trust;
  const trusted = new BlockList();
  for (const network of trust.flatMap((name) => NETWORKS[name] ?? [name])) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Scheme and host as a trusted proxy tells them; null where none speaks. */
export function forwardedOrigin(request: FastifyRequest, trusts: TrustsProxy): string | null {
  const { headers, socket } = request.raw;
  const speaks = headers['x-forwarded-host'] !== undefined || headers['x-forwarded-proto'] !== undefined;
  if (!speaks || !trusts(socket.remoteAddress ?? '', 0)) return null;
  return `${request.protocol}://${request.host}`;
}
