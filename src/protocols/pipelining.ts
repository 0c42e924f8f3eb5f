import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

/**
 * Requests that a client sends one behind the other, not waiting for answers, take effect in this order
 * (RFC 9112, section 9.3.2). Node keeps only their answers in order: it hands the requests out at once.
 */
const latest = new WeakMap<Socket, ServerResponse>();
/** What waits on a connection: one listener tells all of it that the connection is gone, since each costs every other. */
const waiting = new WeakMap<Socket, Set<() => void>>();

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

  const line = waiting.get(socket) ?? openLine(socket);
  line.add(proceed);
  earlier.once('close', proceed);

  function proceed(): void {
    if (!line.delete(proceed)) return;
    if (socket.writable) go();
    else reply.hijack();
  }
}

function openLine(socket: Socket): Set<() => void> {
  const line = new Set<() => void>();
  waiting.set(socket, line);
  // An answer that was never begun does not close with its connection.
  socket.once('close', () => {
    for (const proceed of line) proceed();
  });
  return line;
}
