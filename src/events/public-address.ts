import { BlockList, isIPv4, isIPv6 } from 'node:net';

/**
 * Addresses that lead somewhere inside: whoever can choose a URL must not reach them through this service.
 * From IANA's registries of special-purpose addresses (RFC 6890 and later). IPv6 addresses that carry an IPv4
 * address to be translated (NAT64, 6to4, Teredo) count as inside: they may lead back in.
 */
const V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** Within 2000::/3, the only unicast addresses that are routed on the Internet. */
const V6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const inside = new BlockList();
for (const [network, prefix] of V4) inside.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of V6) inside.addSubnet(network, prefix, 'ipv6');

const internet = new BlockList();
internet.addSubnet('2000::', 3, 'ipv6');

/** `::ffff:a.b.c.d`, however it is written: the same host as `a.b.c.d`. */
const mapped = new BlockList();
mapped.addSubnet('::ffff:0:0', 96, 'ipv6');

/** Whether an IP address, as text, is one of the public Internet. False for what is no address. */
export function isPublicAddress(address: string): boolean {
  const [bare = ''] = address.split('%', 1);
  if (isIPv4(bare)) return !inside.check(bare, 'ipv4');
  if (!isIPv6(bare)) return false;
  // The list's IPv4 networks hold for addresses that are mapped into IPv6 too.
  if (inside.check(bare, 'ipv6')) return false;
  return internet.check(bare, 'ipv6') || mapped.check(bare, 'ipv6');
}
