import { createHash } from 'node:crypto';
import { isSpanContextValid, type SpanContext, TraceFlags } from '@opentelemetry/api';

/** W3C Trace Context, section 3.2. Of later versions that much is the same. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** What a `traceparent` header says; null where it says nothing that can be used. */
export function parseTraceparent(header: string | undefined): SpanContext | null {
  const [, version, traceId = '', spanId = '', flags = '', more] =
    TRACEPARENT.exec(header?.trim() ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const context = { traceId, spanId, traceFlags, isRemote: true };
  return isSpanContextValid(context) ? context : null;
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/**
 * The trace of an upload, and its first span. A session's id is as long as the id of a trace, and random, so it is
 * the id of the trace as well: whichever process does something for the session, an hour or a restart later, knows
 * the trace without anything having been kept or passed on.
 */
export function traceOfSession(sessionId: string): { readonly traceId: string; readonly spanId: string } {
  const spanId = createHash('sha256').update(sessionId).digest('hex').slice(0, 16);
  return { traceId: sessionId.replaceAll('-', ''), spanId };
}
