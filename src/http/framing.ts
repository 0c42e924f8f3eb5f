import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type BodyFault, invalidRequestRefusal } from './invalid-request.ts';
import { sendRefusal } from './problem.ts';

/**
 * Refuses what Node's parser lets through though another parser in front may read it differently (RFC 9112, section
 * 11.2), and closes. Node has handed out by then what came behind it on the connection: none of that is processed
 * (section 9.6).
 */
export function refuseAmbiguousRequests(app: FastifyInstance): void {
  const over = new WeakSet<Socket>();

  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    if (over.has(raw.socket)) {
      reply.hijack();
      return;
    }
    const fault = faultIn(raw);
    if (fault === null) {
      done();
      return;
    }
    over.add(raw.socket);
    reply.header('connection', 'close');
    sendRefusal(reply, invalidRequestRefusal([fault]));
  });
}

function faultIn({ httpVersionMajor, headers, rawHeaders }: IncomingMessage): BodyFault | null {
  // The parser takes the head of a request for what it is, and stumbles only over what follows.
  if (httpVersionMajor !== 1) return { path: '', message: 'must be HTTP/1.1' };
  // Of codings before the last one nothing is undone: the bytes would be stored as if they were the file.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return { path: 'header/transfer-encoding', message: 'must be chunked and nothing else' };
  }
  // Section 3.2. Node keeps the first and drops the others.
  if (countHosts(rawHeaders) > 1) return { path: 'header/host', message: 'must be given once' };
  return null;
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
