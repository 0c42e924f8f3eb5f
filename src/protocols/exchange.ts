import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import type { Uploads } from '../core/uploads.ts';
import type { RequestBody } from '../engine/body.ts';
import type { UploadEngine } from '../engine/engine.ts';
import type { Authenticate } from '../http/auth/caller.ts';
import { type BodyFault, invalidRequestRefusal } from '../http/invalid-request.ts';
import { type ProblemOptions, sendRefusal } from '../http/problem.ts';
import type { LimitCaller } from '../http/rate-limits/rate-limiter.ts';
import type { Urls } from '../http/urls.ts';

/** What every dialect works with. */
export interface ProtocolDeps {
  readonly engine: UploadEngine;
  readonly uploads: Pick<Uploads, 'initiate' | 'session' | 'cancel' | 'fail' | 'limits'>;
  readonly authenticate: Authenticate;
  /** How often one user may create uploads. */
  readonly limitCreation: LimitCaller;
  readonly urls: (request: FastifyRequest) => Urls;
  /** Whether 104 answers may be sent: off where a proxy in front takes them for final ones. */
  readonly interimResponses: boolean;
}

/** One request to the upload resource and its answer. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly body: RequestBody;
  /** `Content-Type` as it was sent. */
  readonly contentType: string | undefined;
}

/** An exchange about a session that the sender of the request may touch. */
export type SessionHandler = (exchange: Exchange, session: Session) => Promise<FastifyReply>;

export type UploadMethod = 'HEAD' | 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

/** Methods on the upload resource. What a dialect leaves out means what it means in plain HTTP. */
export type Dialect = Readonly<Partial<Record<UploadMethod, SessionHandler>>>;

export async function refuse(
  { reply }: Exchange,
  refusal: Refusal,
  options?: ProblemOptions,
): Promise<FastifyReply> {
  return sendRefusal(reply, refusal, options);
}

/** 400 for a header. `path` as in every bad request: `header/…`. */
export function refuseHeader(exchange: Exchange, ...faults: readonly BodyFault[]): Promise<FastifyReply> {
  return refuse(exchange, invalidRequestRefusal(faults));
}

/** Nobody is there to be answered, or is not to be waited for any longer. */
export async function abandon({ reply, request }: Exchange): Promise<FastifyReply> {
  reply.hijack();
  request.raw.destroy();
  return reply;
}

/** DELETE, in every dialect: stop a running transfer, discard the bytes, give the reservation back once. */
export async function cancelUpload(
  deps: ProtocolDeps,
  exchange: Exchange,
  session: Session,
): Promise<FastifyReply> {
  await deps.engine.stop(session);
  const outcome = await deps.uploads.cancel(session);
  if (!outcome.ok) return refuse(exchange, outcome.refusal);
  return exchange.reply.code(204).send();
}
