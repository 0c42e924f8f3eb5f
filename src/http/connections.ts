import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TrustsProxy } from './proxies.ts';
import { networkOf } from './rate-limits/network.ts';

/**
 * Closes a connection that is one too many from its address, before a byte of it is read. A trusted proxy is
 * not one client but all of them: it may have as many as it likes.
 * @param perAddress 0 for no limit.
 */
export function limitConnections(
  server: Server,
  { perAddress, trustsProxy }: { readonly perAddress: number; readonly trustsProxy: TrustsProxy },
): void {
  if (perAddress === 0) return;
  const open = new Map<string, number>();

  server.prependListener('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || trustsProxy(remoteAddress, 0)) return;
    const network = networkOf(remoteAddress);
    const count = (open.get(network) ?? 0) + 1;
    open.set(network, count);
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left > 0) open.set(network, left);
      else open.delete(network);
    });
    if (count > perAddress) socket.destroy();
  });
}
