import { Readable } from 'node:stream';
import { accepted, type Outcome } from '../core/errors.ts';
import type { StopOrder } from '../core/ports/writer-signals.ts';
import { isPartialUpload, type Session } from '../core/session.ts';
import { ifEnded, measure, objectTo } from './admit.ts';
import { type AppendRequest, type AppendResult, NO_SESSION, SENT_DIRECTLY, SHUTTING_DOWN } from './append.ts';
import { openRequestBody, type RequestBody } from './body.ts';
import { type Comparison, compareContent, lengthOf } from './compare.ts';
import { createCompletion } from './completion.ts';
import { createFinalUploads, type FinalUploads } from './concatenation.ts';
import { stopRefusal } from './ending.ts';
import { createGathering } from './gathering.ts';
import { createHashing, threadWhereItPays } from './hashing.ts';
import { engineLimits } from './limits.ts';
import type { EngineDeps, EngineParts } from './parts.ts';
import { createRunningDigests } from './running-digests.ts';
import { type Takeover, takeOver } from './take-over.ts';
import { runTransfer } from './transfer.ts';
import { createWriters, type WriterSlot } from './writers.ts';

/**
 * Moves bytes from requests into the blob store, for every protocol. It knows nothing of HTTP beyond a body.
 * Whatever is expected comes back as a value; it throws `SluiceError` where a store is away or full.
 */
export interface UploadEngine extends FinalUploads {
  append(request: AppendRequest): Promise<AppendResult>;
  /**
   * Complete an upload whose bytes are all there, though no request is left to do it (its process died, its
   * client lost the answer). A session that is not in this state comes back as it is.
   */
  finishStored(session: Session): Promise<Outcome<Session>>;
  /** Whether the body is, byte for byte, what the completed session holds. Nothing is stored. */
  compare(session: Session, body: RequestBody): Promise<Comparison>;
  /** Bytes of a body: more than `most` where it is longer than that. A chunked one is read, and nothing stored. */
  lengthOf(body: RequestBody, most: number): Promise<number | 'cut'>;
  /** Stop whoever writes the session, in whatever process; its bytes are acknowledged first. */
  stop(session: Session): Promise<boolean>;
  /** Obey another process that wants to write: see `WriterSignals`. */
  stopUpTo(sessionId: string, order: StopOrder): Promise<boolean>;
  /** Stop all writers, their bytes acknowledged, and wait for completions under way: at most `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

export function createUploadEngine(deps: EngineDeps): UploadEngine {
  const hashing = deps.hashing ?? createHashing(threadWhereItPays(deps.blobs.backend));
  const limits = engineLimits(deps.limits);
  const parts: EngineParts = {
    ...deps,
    limits,
    digests: createRunningDigests(hashing),
    gathering: createGathering(limits),
  };
  const { instance } = deps;
  const writers = createWriters(limits.takeoverMs, deps.uploads.limits.maxLifetimeMs);
  const completion = createCompletion({ ...deps, hashing });
  const finals = createFinalUploads({ ...deps, writers, completion, hashing });
  const allowEmpty = deps.uploads.limits.allowedFormats === '*';
  let closing = false;

  async function append(asked: AppendRequest): Promise<AppendResult> {
    const { session } = asked;
    const request = isPartialUpload(session) ? { ...asked, completes: 'never' as const } : asked;
    if (closing) return { kind: 'refused', refusal: SHUTTING_DOWN };
    const ended = ifEnded(session);
    if (ended) return ended;
    if (session.sealed) return finishSealed(session);
    if (deps.direct?.plan(session)) return { kind: 'refused', refusal: SENT_DIRECTLY };
    if (surelyElsewhere(request, session)) return { kind: 'offset_mismatch', session };
    const objection = objectTo(request, session, allowEmpty);
    if (objection) return objection;

    const slot = writers.enter(session.sessionId);
    let clean = false;
    try {
      const takeover = await takeOver(deps, slot, session);
      clean = takeover.clean;
      const result = await write(request, slot, takeover, () => {
        clean = true;
      });
      if (result.kind !== 'sealed') return result;
      // Nothing is written from here on: a newcomer need not wait for the completion.
      slot.leave(true);
      return answer(await completion.finish(result.session, result.digest));
    } finally {
      slot.leave(clean);
    }
  }

  async function write(request: AppendRequest, slot: WriterSlot, takeover: Takeover, onOpened: () => void) {
    if (takeover.kind === 'stopped') {
      return { kind: 'refused', refusal: stopRefusal(takeover.reason) } as const;
    }
    if (takeover.kind === 'not_taken') {
      const { result } = takeover;
      const ended = result.kind === 'ended' ? ifEnded(result.session) : null;
      return ended ?? ({ kind: 'refused', refusal: NO_SESSION } as const);
    }
    const { session, sole } = takeover;
    if (session.sealed) return finishSealed(session);
    if (request.start !== 'restart' && request.start !== session.uploadOffset) {
      return { kind: 'offset_mismatch', session } as const;
    }
    const objection = objectTo(request, session, allowEmpty);
    if (objection) return objection;

    const size = measure(request, session);
    return runTransfer(parts, { request, size, sole, signal: slot.signal, onOpened }, session);
  }

  /**
   * A wrong offset must not disturb a running writer. An offset behind the acknowledged one is wrong for good;
   * one before it is, unless a writer is about to reach it.
   */
  function surelyElsewhere({ start }: AppendRequest, session: Session): boolean {
    if (start === 'restart' || start === session.uploadOffset) return false;
    if (start < session.uploadOffset) return true;
    const mayMove = session.writer !== null && session.writer !== instance;
    return !mayMove && !writers.has(session.sessionId);
  }

  /** The bytes never change again: complete it, and let the protocol tell this request from a repeat. */
  async function finishSealed(session: Session): Promise<AppendResult> {
    const outcome = await completion.finish(session, null);
    return outcome.ok
      ? { kind: 'completed_before', session: outcome.value }
      : { kind: 'refused', refusal: outcome.refusal };
  }

  function answer(outcome: Outcome<Session>): AppendResult {
    return outcome.ok
      ? { kind: 'completed', session: outcome.value }
      : { kind: 'refused', refusal: outcome.refusal };
  }

  return {
    append,

    concatenate(final, partials) {
      if (closing) return Promise.resolve({ ok: false, refusal: SHUTTING_DOWN });
      return finals.concatenate(final, partials);
    },

    compare: (session, body) => compareContent(session, body, limits),
    lengthOf: (body, most) => lengthOf(body, most, limits),
    stopUpTo: writers.stopUpTo,

    async stop({ sessionId, writer }) {
      const order = { epoch: Number.MAX_SAFE_INTEGER, reason: 'cancelled' } as const;
      const elsewhere = writer !== null && writer !== instance ? writer : null;
      const results = await Promise.all([
        writers.stop(sessionId, 'cancelled'),
        elsewhere === null || deps.stopRemoteWriter?.(elsewhere, sessionId, order),
      ]);
      parts.digests.forget(sessionId);
      return results.every(Boolean);
    },

    async finishStored(session) {
      const { status, sealed, sessionId, uploadOffset } = session;
      if (status !== 'active') return accepted(session);
      if (sealed) return completion.finish(session, null);
      const total = session.uploadLength ?? session.expectedFileSize;
      if (uploadOffset !== total || isPartialUpload(session)) return accepted(session);
      if (writers.has(sessionId)) return accepted(session);
      const body = openRequestBody(Readable.from([]), {});
      const result = await append({
        session,
        body,
        start: uploadOffset,
        length: null,
        completes: 'at_length',
      });
      if (result.kind === 'refused') return { ok: false, refusal: result.refusal };
      return accepted(result.kind === 'cut' ? session : result.session);
    },

    async close(deadlineMs) {
      closing = true;
      const deadline = AbortSignal.timeout(deadlineMs);
      await writers.stopAll('shutdown', deadlineMs);
      await Promise.race([
        completion.idle(),
        new Promise((resolve) => deadline.addEventListener('abort', resolve, { once: true })),
      ]);
      await hashing.close();
    },
  };
}
