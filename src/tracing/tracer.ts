import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { SluiceError } from '../core/errors.ts';
import { current } from './current.ts';
import { traceOfSession } from './trace-context.ts';

export interface TracerOptions {
  /** Where spans are POSTed as OTLP JSON. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly version: string;
  /** Share of the traces that begin here and are recorded, 0 to 1. */
  readonly ratio: number;
  /** Told once, until it works again. */
  readonly onUndelivered: (fault: unknown) => void;
}

interface SpanRequest {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** It is done for this session, and belongs to its trace. */
  readonly sessionId?: string;
}

export interface Tracer {
  /** Do `work` as a span of its own: under the current one, or in the trace of the session. */
  within<T>(name: string, request: SpanRequest, work: (span: Span) => Promise<T>): Promise<T>;
  /** A span that somebody else ends. Its parent is `caller`, else the session's first span, else none. */
  begin(name: string, request: SpanRequest & { readonly caller: SpanContext | null }): Span;
  /** The first span of a session's trace, over already. */
  tellBeginning(name: string, sessionId: string, beganAt: number, attributes: Attributes): void;
  /** Sends what is still here, and nothing more afterwards. */
  close(): Promise<void>;
}

/** Longest wait for the collector when the service stops, in milliseconds. */
const CLOSE_MS = 3000;

export function createTracer(options: TracerOptions): Tracer {
  const ids = createIds();
  const ratio = new TraceIdRatioBasedSampler(options.ratio);
  const { url, headers } = options;
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: CLOSE_MS });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': options.version,
    }),
    sampler: new ParentBasedSampler({ root: ratio }),
    idGenerator: ids,
    forceFlushTimeoutMillis: CLOSE_MS,
    spanProcessors: [new BatchSpanProcessor({ exporter: tellingOfFaults(exporter, options.onUndelivered) })],
  });
  const tracer = provider.getTracer('sluice', options.version);

  /** The same in every process, since it depends on nothing but the session and the configured share. */
  function contextOf(sessionId: string): SpanContext {
    const names = traceOfSession(sessionId);
    const { decision } = ratio.shouldSample(ROOT_CONTEXT, names.traceId);
    const isSampled = decision === SamplingDecision.RECORD_AND_SAMPLED;
    return { ...names, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
  }

  function start(
    name: string,
    { kind = SpanKind.INTERNAL, attributes = {} }: SpanRequest,
    at: { readonly parent: SpanContext | undefined; readonly links: Link[] },
  ): Span {
    const context: Context = at.parent ? trace.setSpanContext(ROOT_CONTEXT, at.parent) : ROOT_CONTEXT;
    return tracer.startSpan(name, { kind, attributes, links: at.links }, context);
  }

  return {
    async within(name, request, work) {
      const around = current.getStore()?.spanContext();
      const session = request.sessionId === undefined ? undefined : contextOf(request.sessionId);
      const isElsewhere = session !== undefined && around?.traceId !== session.traceId;
      const parent = isElsewhere ? session : around;
      const links = isElsewhere && around ? [{ context: around }] : [];
      const span = start(name, request, { parent, links });
      try {
        return await current.run(span, () => work(span));
      } catch (fault) {
        noteFault(span, fault);
        throw fault;
      } finally {
        span.end();
      }
    },

    begin(name, { caller, ...request }) {
      const session = request.sessionId === undefined ? undefined : contextOf(request.sessionId);
      const links = caller && session ? [{ context: session }] : [];
      return start(name, request, { parent: caller ?? session, links });
    },

    tellBeginning(name, sessionId, beganAt, attributes) {
      const around = current.getStore();
      ids.next(traceOfSession(sessionId));
      const links = around ? [{ context: around.spanContext() }] : [];
      const span = tracer.startSpan(
        name,
        { root: true, startTime: beganAt, attributes, links },
        ROOT_CONTEXT,
      );
      around?.addLink({ context: span.spanContext() });
      span.end();
    },

    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, CLOSE_MS);
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

/** Random ids, but for the one span whose ids are told in advance. */
function createIds() {
  const random = new RandomIdGenerator();
  let traceId: string | null = null;
  let spanId: string | null = null;
  return {
    /** For the very next span, which is started in the same go. */
    next(names: { readonly traceId: string; readonly spanId: string }) {
      ({ traceId, spanId } = names);
    },
    generateTraceId() {
      const id = traceId ?? random.generateTraceId();
      traceId = null;
      return id;
    },
    generateSpanId() {
      const id = spanId ?? random.generateSpanId();
      spanId = null;
      return id;
    },
  };
}

/** What went wrong, by its code or kind: messages of errors may hold what does not belong into traces. */
function noteFault(span: Span, fault: unknown): void {
  const type = fault instanceof SluiceError ? fault.code : fault instanceof Error ? fault.name : 'unknown';
  span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR });
}

/** Without this, a collector that is away would be noticed by nobody. */
function tellingOfFaults(exporter: SpanExporter, tell: (fault: unknown) => void): SpanExporter {
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        // `ExportResultCode` of @opentelemetry/core: 0 is success.
        const failed = result.code !== 0;
        if (failed && !failing) tell(result.error);
        failing = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
