import type { FastifyReply } from 'fastify';

/** Answer with JSON text that is ready to go. */
export function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(text);
}
