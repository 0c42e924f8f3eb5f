import { createHash } from 'node:crypto';
import { accepted, type Outcome, type Refusal, SluiceError } from '../core/errors.ts';
import type { BlobWriter, JoinedBytes, MergeResult } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import { endedRefusal, NO_SESSION, TAKEN_OVER } from './append.ts';
import type { Completion } from './completion.ts';
import { stopRefusal } from './ending.ts';
import { createIntake, type Intake } from './intake.ts';
import type { EngineDeps } from './parts.ts';
import { releaseMemory } from './release-memory.ts';
import { takeOver } from './take-over.ts';
import { stopReasonOf, type Writers } from './writers.ts';

/**
 * Joins partial uploads into their final upload (tus extension "concatenation").
 *
 * The final upload is a session that reserves nothing: until the bytes are joined, the partial uploads hold the
 * reservations. One step of the session store then moves these over and seals the final upload, which completes
 * as any other does. Whatever is cut off before that step can be done again, since the partial uploads are still
 * there; whatever is cut off after it is an upload whose bytes are all stored. The sweeper clears away the rest.
 */
export interface FinalUploads {
  /**
   * Complete the final upload from its partial uploads, which are its owner's. Idempotent; all who ask for it at
   * once in this process wait for the same run.
   */
  concatenate(final: Session, partials: readonly Session[]): Promise<Outcome<Session>>;
}

interface Deps extends EngineDeps {
  readonly writers: Writers;
  readonly completion: Completion;
}

/** The bytes of the partial uploads, or why they make no file we take. */
type Joined =
  | { readonly kind: 'joined'; readonly bytes: JoinedBytes; readonly digest: string }
  | { readonly kind: 'unacceptable'; readonly refusal: Refusal; readonly storage: string };

export function createFinalUploads(deps: Deps): FinalUploads {
  const { sessions, blobs, uploads, writers, completion } = deps;
  const underWay = new Map<string, Promise<Outcome<Session>>>();

  async function run(found: Session, partials: readonly Session[]): Promise<Outcome<Session>> {
    if (found.sealed || found.status !== 'active') return conclude(found, null);
    const slot = writers.enter(found.sessionId);
    let clean = false;
    try {
      const takeover = await takeOver(deps, slot, found);
      clean = takeover.clean;
      if (takeover.kind === 'overtaken') return refuse(TAKEN_OVER);
      if (takeover.kind === 'not_taken') {
        return takeover.result.kind === 'ended'
          ? conclude(takeover.result.session, null)
          : refuse(NO_SESSION);
      }
      const { session, sole } = takeover;
      if (session.sealed) return conclude(session, null);

      const writer = await openFor(session, partials, sole, slot.signal);
      clean = true;
      const joined = await join(session, partials, writer, slot.signal).catch((fault: unknown) => {
        const reason = stopReasonOf(slot.signal);
        if (reason) return { kind: 'stopped', reason } as const;
        throw fault;
      });
      if (joined.kind === 'stopped') return refuse(stopRefusal(joined.reason));
      if (joined.kind === 'unacceptable') return reject(session, partials, joined);

      const ids = partials.map(({ sessionId }) => sessionId);
      const merged = await sessions.merge(session.sessionId, session.epoch, joined.bytes, ids);
      if (merged.kind !== 'merged') return notMerged(merged);
      // Nothing is written from here on: a newcomer need not wait for the completion.
      slot.leave(true);
      const outcome = await conclude(merged.session, joined.digest);
      if (outcome.ok) await clear(partials);
      return outcome;
    } finally {
      slot.leave(clean);
    }
  }

  function openFor(session: Session, partials: readonly Session[], sole: boolean, signal: AbortSignal) {
    const { sessionId, storage, epoch } = session;
    const length = partials.reduce((sum, { uploadOffset }) => sum + uploadOffset, 0);
    return blobs.open({ sessionId, storage }, { offset: 0, length, epoch, sole, signal });
  }

  async function join(
    final: Session,
    partials: readonly Session[],
    writer: BlobWriter,
    signal: AbortSignal,
  ): Promise<Joined> {
    const hash = createHash('sha256');
    const { allowedFormats } = uploads.limits;
    const head = new Uint8Array(0);
    const intake = createIntake({ session: final, allowedFormats, head, hash, check: undefined });
    let refusal: Refusal | null = null;
    try {
      for (const partial of partials) {
        refusal ??= await copy(partial, writer, intake, signal);
        if (refusal) break;
      }
    } finally {
      await writer.close();
    }
    refusal ??= await intake.conclude();
    const { storage, offset, parts = [] } = writer.progress();
    if (refusal) return { kind: 'unacceptable', refusal, storage };
    // A writer that is told to stop takes in no more, without saying so.
    signal.throwIfAborted();
    const format = intake.format === null ? {} : { detectedFormat: intake.format };
    return { kind: 'joined', bytes: { storage, offset, parts, ...format }, digest: hash.digest('hex') };
  }

  /** Acknowledged bytes never change while the upload goes on, so whoever else writes to it does not matter. */
  async function copy(partial: Session, writer: BlobWriter, intake: Intake, signal: AbortSignal) {
    const length = partial.uploadOffset;
    let copied = 0;
    for await (const chunk of blobs.read(partial, { length, signal })) {
      signal.throwIfAborted();
      const batch = [chunk];
      const unacceptable = await intake.inspect(batch);
      if (unacceptable) return unacceptable;
      copied += chunk.length;
      const written = writer.write(batch);
      intake.digest(batch);
      await written;
      releaseMemory(batch);
    }
    if (copied === length) return null;
    throw new SluiceError('STORAGE_UNAVAILABLE', 'The stored bytes are incomplete. Try again in a moment.', {
      cause: new Error(`storage has ${copied} of the ${length} bytes of ${partial.sessionId}`),
    });
  }

  /** These parts can never become a file we take: they end with it. */
  async function reject(
    final: Session,
    partials: readonly Session[],
    { refusal, storage }: { readonly refusal: Refusal; readonly storage: string },
  ): Promise<Outcome<Session>> {
    // Told, so that whoever deletes the bytes finds them. Where that is refused, it is not ours to fail.
    const told = await sessions.commit(final.sessionId, final.epoch, { offset: 0, storage });
    if (told.kind !== 'committed') return refuse(TAKEN_OVER);
    await uploads.fail(told.session, { error_code: refusal.code, error_message: refusal.message });
    await clear(partials);
    return refuse(refusal);
  }

  function notMerged(
    result: Exclude<MergeResult, { kind: 'merged' }>,
  ): Outcome<Session> | Promise<Outcome<Session>> {
    switch (result.kind) {
      case 'fenced':
        return refuse(TAKEN_OVER);
      case 'ended':
        return conclude(result.session, null);
      case 'not_found':
        return refuse(NO_SESSION);
      case 'unfit':
        return refuse(PARTIAL_GONE);
    }
  }

  async function conclude(session: Session, digest: string | null): Promise<Outcome<Session>> {
    if (session.status === 'completed') return accepted(session);
    if (session.status !== 'active') return refuse(endedRefusal(session));
    return completion.finish(session, digest);
  }

  /** What cannot be deleted now is left to the sweeper, on whose list it stands. */
  async function clear(partials: readonly Session[]): Promise<void> {
    await Promise.allSettled(partials.map((partial) => uploads.cancel(partial)));
  }

  return {
    concatenate(final, partials) {
      const { sessionId } = final;
      const running = underWay.get(sessionId);
      if (running) return running;
      const started = run(final, partials).finally(() => underWay.delete(sessionId));
      underWay.set(sessionId, started);
      return started;
    },
  };
}

function refuse(refusal: Refusal): Outcome<never> {
  return { ok: false, refusal };
}

const PARTIAL_GONE: Refusal = {
  code: 'SESSION_EXPIRED',
  message: 'A partial upload has ended before it became part of the final one. Send its bytes again.',
};
