import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
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

/** Requests of one connection that may be without an answer at a time. Clients that pipeline at all keep a few. */
const MOST_UNANSWERED = 128;

/**
 * Cuts a connection on which too many requests wait. Node stops reading only where answers wait to be sent, and
 * requests that wait for an earlier one have none yet. Not paused: what was read with the request is handed out all
 * the same, and every body that is read would resume the socket. Clients that pipeline have to repeat what was not
 * answered anyway (RFC 9112, section 9.3.2).
 */
export function limitUnanswered(app: FastifyInstance): void {
  const connections = new WeakMap<Socket, { unanswered: number; readonly answered: () => void }>();

  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw;
    const connection = connections.get(socket) ?? open(socket);
    connection.unanswered += 1;
    if (connection.unanswered > MOST_UNANSWERED) {
      socket.destroy();
      reply.hijack();
      return;
    }
    reply.raw.on('close', connection.answered);
    done();
  });

  function open(socket: Socket) {
    const connection = {
      unanswered: 0,
      answered: () => {
        connection.unanswered -= 1;
      },
    };
    connections.set(socket, connection);
    return connection;
  }
}
