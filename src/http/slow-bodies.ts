import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { answerClientError } from './client-errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body is bytes of an upload: it reads and watches them itself, and says when they may be sent. */
    readonly takesBytes?: true;
  }
}

/**
 * Cuts connections whose JSON body comes too slowly: 408. Node's own limit for a whole request would end long
 * uploads, so it is off; they are watched by the engine. One timer looks after all bodies that are on their
 * way, which costs a request less than a timer of its own.
 * @param deadlineMs milliseconds in which the body of a request to the JSON API has to be there.
 */
export function cutSlowBodies(app: FastifyInstance, deadlineMs: number): void {
  const awaited = new Map<IncomingMessage, number>();
  let timer: NodeJS.Timeout | undefined;

  app.addHook('preParsing', (request, _reply, _payload, done) => {
    if (!request.raw.complete && !request.routeOptions.config.takesBytes) {
      awaited.set(request.raw, Date.now() + deadlineMs);
      timer ??= setInterval(look, deadlineMs / 10).unref();
    }
    done();
  });
  // A request that is kept until the timer looks outlives the young generation, and costs ten times as much to clear.
  app.addHook('preValidation', (request, _reply, done) => {
    awaited.delete(request.raw);
    done();
  });
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer);
    done();
  });

  function look(): void {
    const now = Date.now();
    for (const [message, deadline] of awaited) {
      if (message.complete || message.destroyed) awaited.delete(message);
      else if (now >= deadline) {
        awaited.delete(message);
        answerClientError(TOO_SLOW, message.socket);
      }
    }
    if (awaited.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }
}

/** As Node reports headers that come too slowly. */
const TOO_SLOW = Object.assign(new Error('the body came too slowly'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
