import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseUuid } from '../core/session-id.ts';
import { refusalOf } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked every few seconds by machines, and of interest to nobody: no part of any trace. */
    readonly untraced?: true;
  }
}

export interface TracedRequest {
  readonly method: string;
  /** Template of the route; empty where there is none. */
  readonly route: string;
  /** The header, as it was sent. */
  readonly traceparent: string | undefined;
  /** The session that the address names, in lower case. */
  readonly sessionId: string | null;
}

export interface RequestTrace {
  /** Whatever `work` does and awaits is part of the request. */
  run(work: () => void): void;
  /** `status`: null where the connection was lost before there was an answer. */
  end(status: number | null, errorCode: string | undefined): void;
}

export interface RequestTracer {
  begin(request: TracedRequest): RequestTrace;
}

/** Makes each request part of a trace, from its first hook to the end of its answer. */
export function traceRequests(app: FastifyInstance, tracer: RequestTracer): void {
  const traces = new WeakMap<FastifyRequest, RequestTrace>();

  app.addHook('onRequest', (request, reply, done) => {
    const { config } = request.routeOptions;
    if (config.untraced) return done();
    const { traceparent } = request.headers;
    const trace = tracer.begin({
      method: request.method,
      route: config.url ?? '',
      traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      sessionId: sessionIdOf(request.params),
    });
    traces.set(request, trace);
    const { raw } = reply;
    raw.once('close', () => trace.end(raw.headersSent ? raw.statusCode : null, refusalOf(reply)?.code));
    trace.run(done);
  });
  // What follows the end of an answer is called by that, which knows nothing of what began before it.
  app.addHook('onResponse', (request, _reply, done) => {
    const trace = traces.get(request);
    if (trace) trace.run(done);
    else done();
  });
}

function sessionIdOf(params: unknown): string | null {
  if (typeof params !== 'object' || params === null || !('session_id' in params)) return null;
  return typeof params.session_id === 'string' ? parseUuid(params.session_id) : null;
}
