import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { ClientRequest } from 'node:http';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { isPublicAddress } from './public-address.ts';

/**
 * Keeps a request from reaching an address inside. What counts is the address that is connected to, not the
 * name: a name may resolve to anything, and to something else each time it is asked for. So the address is
 * judged three times: one written into the URL before anything happens (for it nobody asks `lookup`), those
 * of a name as it is resolved for this very connection, and the peer's once it is there, before a byte is sent.
 */

export function privateAddressError(address: string): Error {
  return new Error(`${address} is not a public address`);
}

/** The address that stands in the URL itself, such as `127.0.0.1` for `http://0x7f.1/`; null for a name. */
export function literalAddress({ hostname }: URL): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) ? bare : null;
}

/** Resolves to public addresses only; fails where there is none. */
export function createPublicLookup(lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error: Error | null, found: LookupAddress[]) => {
      if (error) return callback(error, '');
      const open = found.filter(({ address }) => isPublicAddress(address));
      const [first] = open;
      if (!first) return callback(privateAddressError(`${hostname} (${found[0]?.address ?? 'nothing'})`), '');
      if (options.all) return callback(null, open);
      callback(null, first.address, first.family);
    });
  };
}

/** Breaks the request off where it got through to an address inside all the same. */
export function guardPeer(request: ClientRequest): void {
  request.once('socket', (socket: Socket) => {
    // Before the request itself waits for this: its bytes come after the verdict.
    socket.once('connect', () => {
      const { remoteAddress } = socket;
      if (remoteAddress === undefined || !isPublicAddress(remoteAddress)) {
        request.destroy(privateAddressError(remoteAddress ?? 'the peer'));
      }
    });
  });
}
