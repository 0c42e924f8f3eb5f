import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span } from '@opentelemetry/api';

/** The span that what runs now is a part of, through everything it awaits. */
export const current = new AsyncLocalStorage<Span>();

/** Members that connect a log line with its trace; none where there is no trace. */
export function traceFields(): { readonly trace_id?: string; readonly span_id?: string } {
  const span = current.getStore()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
