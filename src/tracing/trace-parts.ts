import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Ledger } from '../core/ports.ts';
import type { Uploads } from '../core/uploads.ts';
import type { AppendResult } from '../engine/append.ts';
import type { UploadEngine } from '../engine/engine.ts';
import type { WebhookTracer } from '../events/deliveries.ts';
import type { RequestTracer } from '../http/trace-requests.ts';
import { current } from './current.ts';
import { formatTraceparent, parseTraceparent } from './trace-context.ts';
import type { Tracer } from './tracer.ts';

/** A request is part of its caller's trace; else of the session's that it is about; else it begins one. */
export function traceRequests(tracer: Tracer): RequestTracer {
  return {
    begin({ method, route, traceparent, sessionId }) {
      const span = tracer.begin(`${method} ${route}`, {
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': method, 'http.route': route },
        caller: parseTraceparent(traceparent),
        ...(sessionId !== null && { sessionId }),
      });
      return {
        run: (work) => current.run(span, work),
        end(status, errorCode) {
          if (status !== null) span.setAttribute('http.response.status_code', status);
          if (errorCode !== undefined) span.setAttribute('error.type', errorCode);
          if (status === null || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
  };
}

/** The same use cases: the beginning of a session's trace, completion, cancellation. */
export function traceUploads(uploads: Uploads, tracer: Tracer): Uploads {
  return {
    ...uploads,

    async initiate(request) {
      const beganAt = Date.now();
      const outcome = await uploads.initiate(request);
      if (outcome.ok && !outcome.value.replayed) {
        const { sessionId, reservedBytes } = outcome.value.session;
        const attributes = { 'sluice.session_id': sessionId, 'sluice.reserved_bytes': reservedBytes };
        tracer.tellBeginning('upload.initiate', sessionId, beganAt, attributes);
      }
      return outcome;
    },

    complete: (session, contentSha256) =>
      tracer.within('upload.complete', ofSession(session), async (span) => {
        const outcome = await uploads.complete(session, contentSha256);
        span.setAttribute('sluice.outcome', outcome.ok ? outcome.value.status : outcome.refusal.code);
        return outcome;
      }),

    fail: (session, failure) =>
      tracer.within('upload.fail', ofSession(session), async (span) => {
        span.setAttribute('sluice.outcome', failure.error_code);
        return uploads.fail(session, failure);
      }),

    cancel: (session) => tracer.within('upload.cancel', ofSession(session), () => uploads.cancel(session)),
  };
}

/** The same engine: each request that brings bytes. */
export function traceEngine(engine: UploadEngine, tracer: Tracer): UploadEngine {
  return {
    ...engine,
    append: (request) =>
      tracer.within('upload.append', ofSession(request.session), async (span) => {
        const { start, protocol = 'none' } = request;
        span.setAttributes({ 'sluice.protocol': protocol, 'sluice.offset': start === 'restart' ? 0 : start });
        const result = await engine.append(request);
        span.setAttributes(describe(result));
        return result;
      }),
  };
}

function describe(result: AppendResult) {
  const outcome = { 'sluice.outcome': result.kind };
  if (result.kind === 'refused') return { ...outcome, 'error.type': result.refusal.code };
  return result.kind === 'cut'
    ? outcome
    : { ...outcome, 'sluice.upload_offset': result.session.uploadOffset };
}

/** The same ledger: the transaction that counts an upload. */
export function traceLedger<L extends Ledger>(ledger: L, tracer: Tracer): L {
  return {
    ...ledger,
    settle: (settlement) =>
      tracer.within('ledger.settle', ofSession(settlement), () => ledger.settle(settlement)),
  };
}

/** Deliveries belong to the trace of the session they tell of, and the receiver is told of it. */
export function traceWebhook(tracer: Tracer): WebhookTracer {
  return {
    wrap: (deliver) => (event, signal) => {
      const attributes = {
        ...{ 'sluice.event_id': event.id, 'sluice.event_kind': event.kind },
        'sluice.attempt': event.attempts,
      };
      // What is told of a quota is about a user, and users stand in no trace.
      const isOfSession = event.kind.startsWith('upload.');
      const about = isOfSession ? { attributes, sessionId: event.subject } : { attributes: {} };
      return tracer.within('webhook.deliver', { kind: SpanKind.CLIENT, ...about }, async (span) => {
        const result = await deliver(event, signal);
        span.setAttribute('sluice.outcome', result.kind);
        if (result.kind === 'failed') span.setStatus({ code: SpanStatusCode.ERROR });
        return result;
      });
    },
    headers() {
      const span = current.getStore();
      return span ? { traceparent: formatTraceparent(span.spanContext()) } : {};
    },
  };
}

function ofSession({ sessionId }: { readonly sessionId: string }) {
  return { sessionId, attributes: { 'sluice.session_id': sessionId } };
}
