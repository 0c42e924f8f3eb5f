import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';

/**
 * `Expect: 100-continue` (RFC 9110, section 10.1.1). Node answers it before any handler runs; the upload
 * resource answers it itself, once nothing but the bytes is left to be checked.
 */
const waiting = new WeakSet<IncomingMessage>();

/** Requests of routes that take bytes wait for `sendContinue`; all others are let go on at once, as Node does. */
export function holdContinue(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => {
    waiting.add(request);
    app.server.emit('request', request, response);
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (awaitsContinue(request.raw) && !request.routeOptions.config.takesBytes) sendContinue(reply);
    done();
  });
}

/** Whether the client still waits to be told that it may send its body. */
export function awaitsContinue(request: IncomingMessage): boolean {
  return waiting.has(request);
}

export function sendContinue(reply: FastifyReply): void {
  if (waiting.delete(reply.request.raw)) reply.raw.writeContinue();
}
