import type { SessionStore, TakeResult } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { EngineDeps } from './parts.ts';
import { type StopReason, stopReasonOf, type WriterSlot } from './writers.ts';

/**
 * Becoming the writer of a session. The holder is asked to stop before the session is taken, so that what it
 * has is still acknowledged: once it is fenced it cannot do that any more. Where somebody else was faster than
 * this question, that one is asked afterwards.
 */
export type Takeover =
  /** Stopped while it waited. Where a newer request came, taking the session now would fence that one. */
  | { readonly kind: 'stopped'; readonly reason: StopReason; readonly clean: boolean }
  /** `sole`: every writer before is known to have stopped. */
  | {
      readonly kind: 'taken';
      readonly session: Session;
      readonly sole: boolean;
      readonly clean: boolean;
    }
  | {
      readonly kind: 'not_taken';
      readonly result: Exclude<TakeResult, { kind: 'taken' }>;
      readonly clean: boolean;
    };

interface Deps extends Pick<EngineDeps, 'instance' | 'stopRemoteWriter'> {
  readonly sessions: Pick<SessionStore, 'take'>;
}

/** @param found The session as it was when the request was authorised. */
export async function takeOver(deps: Deps, slot: WriterSlot, found: Session): Promise<Takeover> {
  const { sessionId } = found;
  const alone = await slot.alone;
  let reason = stopReasonOf(slot.signal);
  if (reason) return { kind: 'stopped', reason, clean: alone };
  const foundLeft = await hasLeft(found.writer, found.epoch);
  reason = stopReasonOf(slot.signal);
  if (reason) return { kind: 'stopped', reason, clean: alone };

  slot.taking();
  const result = await deps.sessions.take(sessionId, deps.instance);
  if (result.kind !== 'taken') return { kind: 'not_taken', result, clean: alone };
  const { session, previousWriter } = result;
  slot.took(session.epoch);
  const asFound = session.epoch === found.epoch + 1 && previousWriter === found.writer;
  const left = asFound ? foundLeft : await hasLeft(previousWriter, session.epoch - 1);
  const sole = alone && left;
  return { kind: 'taken', session, sole, clean: sole };

  async function hasLeft(writer: string | null, epoch: number): Promise<boolean> {
    if (writer === null || writer === deps.instance) return true;
    const order = { epoch, reason: 'taken_over' } as const;
    return (await deps.stopRemoteWriter?.(writer, sessionId, order)) ?? false;
  }
}
