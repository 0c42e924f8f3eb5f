import type { FastifyReply } from 'fastify';
import { pathOf } from './problem.ts';

/** `Link: rel="next"` (RFC 8288): this request with another `after`. */
export function linkNextPage(reply: FastifyReply, next: string | null): void {
  if (next === null) return;
  const { url } = reply.request;
  const query = new URLSearchParams(url.slice(pathOf(url).length + 1));
  query.set('after', next);
  reply.header('link', `<${pathOf(url)}?${query}>; rel="next"`);
}
