import type { FastifyRequest } from 'fastify';
import type { Uploads } from '../../core/uploads.ts';
import type { Authenticate } from '../auth/caller.ts';
import type { RateLimiter } from '../rate-limits/rate-limiter.ts';
import type { Urls } from '../urls.ts';

/** What the routes of the JSON API share. */
export interface RouteDeps {
  readonly uploads: Uploads;
  readonly authenticate: Authenticate;
  readonly rateLimiter: RateLimiter;
  readonly urls: (request: FastifyRequest) => Urls;
}
