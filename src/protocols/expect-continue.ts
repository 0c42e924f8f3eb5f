import type { IncomingMessage, Server } from 'node:http';
import type { FastifyReply } from 'fastify';

/**
 * `Expect: 100-continue` (RFC 9110, section 10.1.1). Node answers it before any handler runs; the upload
 * resource answers it itself, once nothing but the bytes is left to be checked.
 */
const waiting = new WeakSet<IncomingMessage>();

/** Requests below `path` wait for `sendContinue`; all others are let go on at once, as Node does. */
export function holdContinue(server: Server, path: string): void {
  server.on('checkContinue', (request, response) => {
    if (request.url?.startsWith(path)) waiting.add(request);
    else response.writeContinue();
    server.emit('request', request, response);
  });
}

/** Whether the client still waits to be told that it may send its body. */
export function awaitsContinue(request: IncomingMessage): boolean {
  return waiting.has(request);
}

export function sendContinue(reply: FastifyReply): void {
  if (waiting.delete(reply.request.raw)) reply.raw.writeContinue();
}
