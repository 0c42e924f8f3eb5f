import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

/**
 * Requests that a client sends one behind the other, not waiting for answers, take effect in this order
 * (RFC 9112, section 9.3.2). Node keeps only their answers in order: it hands the requests out at once.
 */
const latest = new WeakMap<Socket, ServerResponse>();

/**
 * Calls `go` once every earlier request on the connection is answered; at once where there is none. Never where
 * the connection ends with an earlier answer: what came after it must not be processed (section 9.6).
 */
export function afterEarlierRequests(reply: FastifyReply, go: () => void): void {
  const { socket } = reply.request.raw;
  const earlier = latest.get(socket);
  latest.set(socket, reply.raw);
  if (!earlier || earlier.closed || earlier.writableFinished) {
    go();
    return;
  }

  function proceed(): void {
    earlier?.off('close', proceed);
    socket.off('close', proceed);
    if (socket.writable) go();
    else reply.hijack();
  }
  earlier.once('close', proceed);
  // An answer that was never begun does not close with its connection.
  socket.once('close', proceed);
}
