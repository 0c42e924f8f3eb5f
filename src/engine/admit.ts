import type { Session } from '../core/session.ts';
import { type AppendRequest, type AppendResult, endedRefusal, tooLarge } from './append.ts';
import { EMPTY_FILE } from './verify.ts';

/** What a request is measured by: how long the upload is to be, and the most it may hold. Bytes. */
export interface Measure {
  /** Where the first byte of the request goes. */
  readonly start: number;
  /** Total length as far as it is known; a restart forgets what the attempt before had told. */
  readonly total: number | null;
  readonly limit: number;
}

export function measure(request: AppendRequest, session: Session): Measure {
  const restart = request.start === 'restart';
  const fixed = restart ? session.expectedFileSize : (session.uploadLength ?? session.expectedFileSize);
  const total = fixed ?? request.length;
  return {
    start: request.start === 'restart' ? 0 : request.start,
    total,
    limit: Math.min(total ?? session.maxFileSize, session.maxFileSize),
  };
}

/** The result for a session that takes no bytes any more; null while it is active. */
export function ifEnded(session: Session): AppendResult | null {
  if (session.status === 'active') return null;
  if (session.status === 'completed') return { kind: 'completed_before', session };
  return { kind: 'refused', refusal: endedRefusal(session) };
}

/**
 * Everything that can be said against a request before one byte of it is read. It is asked twice: before the
 * running writer is disturbed, and of the active session as it is once this request has become the writer.
 */
export function objectTo(request: AppendRequest, session: Session, allowEmpty: boolean): AppendResult | null {
  const { length, completes, body } = request;
  const { start, total, limit } = measure(request, session);
  if (length !== null) {
    if (length > session.maxFileSize) {
      return { kind: 'refused', refusal: tooLarge(session, session.maxFileSize) };
    }
    const stored = request.start === 'restart' ? 0 : session.uploadOffset;
    if (length !== total || length < stored) return { kind: 'length_conflict', session };
  }
  if (body.declaredLength === null) return null;
  const end = start + body.declaredLength;
  if (completes === 'at_end' && total !== null && end !== total) return { kind: 'length_conflict', session };
  if (end > limit) return { kind: 'refused', refusal: tooLarge(session, limit) };
  if (completes === 'at_end' && end === 0 && !allowEmpty) return { kind: 'refused', refusal: EMPTY_FILE };
  return null;
}
