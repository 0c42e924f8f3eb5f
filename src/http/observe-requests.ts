import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../core/errors.ts';
import { refusalOf } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Requests on this route ask for a session. */
    readonly createsSession?: true;
  }
}

/** A request that is over. */
export interface ObservedRequest {
  readonly method: string;
  /** Template of the route; empty where there is none. */
  readonly route: string;
  /** Null where the connection was lost before there was an answer. */
  readonly status: number | null;
  readonly seconds: number;
  /** What it was refused with, where it was. */
  readonly refusal: Refusal | undefined;
  /** What became of the wish for a session, where there was one. */
  readonly creation: 'created' | 'replayed' | 'refused' | 'lost' | null;
  /** By which credentials it was refused, where these were the reason. */
  readonly scheme: CredentialScheme;
}

export type CredentialScheme = 'none' | 'bearer' | 'cookie' | 'upload_token';

export interface RequestObserver {
  /** Once for each request, when nothing more is sent: its answer is out, or its connection is gone. */
  requestEnded(request: ObservedRequest): void;
}

/** Tells of each request once. It listens to the connection itself: a request that is cut has no answer to hook into. */
export function observeRequests(app: FastifyInstance, observer: RequestObserver): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.once('close', () => observer.requestEnded(observed(request, reply)));
    done();
  });
}

function observed(request: FastifyRequest, reply: FastifyReply): ObservedRequest {
  const { config } = request.routeOptions;
  const refusal = refusalOf(reply);
  return {
    method: request.method,
    route: config.url ?? '',
    status: reply.raw.headersSent ? reply.raw.statusCode : null,
    seconds: reply.elapsedTime / 1000,
    refusal,
    creation: config.createsSession ? creationOf(reply, refusal) : null,
    scheme: refusal ? schemeOf(request) : 'none',
  };
}

/** A session that was made has an address, whatever became of bytes that came along with the wish for it. */
function creationOf(reply: FastifyReply, refusal: Refusal | undefined): ObservedRequest['creation'] {
  if (reply.hasHeader('location')) return reply.hasHeader('idempotency-replayed') ? 'replayed' : 'created';
  return refusal && reply.raw.headersSent ? 'refused' : 'lost';
}

function schemeOf({ headers, query }: FastifyRequest): CredentialScheme {
  if (typeof query === 'object' && query !== null && 'token' in query) return 'upload_token';
  if (headers.authorization !== undefined) return 'bearer';
  return headers.cookie === undefined ? 'none' : 'cookie';
}
