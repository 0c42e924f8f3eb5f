import type { FastifyRequest } from 'fastify';
import type { Outcome } from '../../core/errors.ts';
import type { Eventual } from '../eventual.ts';

/** What a user may be allowed to do. */
export const PERMISSIONS = ['upload_files', 'create_sessions', 'validate_sessions', 'manage_quota'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Whoever sent the request, as the credentials prove it. */
export interface Caller {
  /** Lower-case UUID. */
  readonly userId: string;
  /** As granted; names that Sluice does not know are kept and never match. */
  readonly permissions: ReadonlySet<string>;
}

/**
 * One way to prove who is calling. Null where the request has no credentials of this kind, so that the next
 * scheme is asked; a refusal where it has, and they are not good. Throws where that cannot be found out now.
 */
export type AuthScheme = (request: FastifyRequest) => Eventual<Outcome<Caller> | null>;

/** Finds out who is calling: the first scheme that finds its credentials decides. */
export type Authenticate = (request: FastifyRequest) => Eventual<Outcome<Caller>>;
