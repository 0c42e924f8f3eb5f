import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { RequestBody } from '../engine/body.ts';
import { awaitsContinue } from './expect-continue.ts';

/** After an answer that came before the body's end: the most that is read, how long the client gets to close. */
export interface LingerBounds {
  readonly bytes: number;
  readonly ms: number;
}

export const DEFAULT_LINGER: LingerBounds = { bytes: 1 << 20, ms: 1000 };

/**
 * Makes early answers arrive. A server that closes a connection with unread bytes in it resets it, and the
 * reset may overtake the answer (RFC 9112, section 9.6). So the whole answer is written first, then a bounded
 * amount of what the client still sends is thrown away, then the client has the rest of a moment to read, its
 * bytes held back by TCP, and only then the response ends and the connection closes. Returns the payload to
 * send in place of the given one.
 */
export async function linger(
  reply: FastifyReply,
  payload: unknown,
  body: RequestBody | undefined,
  bounds: LingerBounds,
): Promise<unknown> {
  if (!body) return payload;
  // What has arrived already is not told from what is still being sent before the parser has come by.
  if (body.state === 'open') await new Promise(setImmediate);
  if (body.state === 'ended' || body.state === 'cut') return payload;
  reply.header('connection', 'close');
  // Never told to send, so it does not.
  if (awaitsContinue(reply.request.raw) && body.received === 0) return payload;
  if (typeof payload !== 'string') {
    await body.drain(bounds);
    return payload;
  }
  reply.header('content-length', Buffer.byteLength(payload));
  return Readable.from(answerThenDrain(payload, body, bounds), { objectMode: false });
}

async function* answerThenDrain(payload: string, body: RequestBody, bounds: LingerBounds) {
  yield Buffer.from(payload);
  await body.drain(bounds);
}
