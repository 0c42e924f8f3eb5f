import { accepted, type Outcome, type Refusal, SluiceError } from '../core/errors.ts';
import type { BlobRef, MergeResult } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import { endedRefusal, NO_SESSION, TAKEN_OVER } from './append.ts';
import type { Completion } from './completion.ts';
import { stopRefusal } from './ending.ts';
import type { Hashing } from './hashing.ts';
import { createJoin, type Joined } from './join-partials.ts';
import { clearOvertaken } from './overtaken.ts';
import type { EngineDeps } from './parts.ts';
import { takeOver } from './take-over.ts';
import { stopReasonOf, type Writers } from './writers.ts';

/**
 * Joins partial uploads into their final upload (tus extension "concatenation").
 *
 * The final upload is a session that reserves nothing: until the bytes are joined, the partial uploads hold the
 * reservations. One step of the session store then moves these over and seals the final upload, which completes
 * as any other does. Whatever is cut off before that step can be done again, since the partial uploads are still
 * there; whatever is cut off after it is an upload whose bytes are all stored. The sweeper clears away the rest.
 *
 * Until that step the bytes are there twice and reserved once. So a process joins a partial upload into one final upload
 * at a time, and what was joined in vain is deleted at once: else one set of pieces, in all its orders, would fill the disk.
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
  readonly hashing: Hashing;
}

export function createFinalUploads(deps: Deps): FinalUploads {
  const { sessions, uploads, blobs, writers, completion } = deps;
  const join = createJoin(deps);
  const underWay = new Map<string, Promise<Outcome<Session>>>();
  /** Ids of the partial uploads that are being joined. */
  const beingJoined = new Set<string>();

  async function run(found: Session, partials: readonly Session[]): Promise<Outcome<Session>> {
    if (found.sealed || found.status !== 'active') return conclude(found, null);
    const slot = writers.enter(found.sessionId);
    let clean = false;
    try {
      const takeover = await takeOver(deps, slot, found);
      clean = takeover.clean;
      if (takeover.kind === 'stopped') return refuse(stopRefusal(takeover.reason));
      if (takeover.kind === 'not_taken') {
        return takeover.result.kind === 'ended'
          ? conclude(takeover.result.session, null)
          : refuse(NO_SESSION);
      }
      const { session, sole } = takeover;
      if (session.sealed) return conclude(session, null);

      const { signal } = slot;
      const onOpened = () => {
        clean = true;
      };
      const joined = await join(session, partials, { sole, signal, onOpened }).catch((fault: unknown) => {
        const reason = stopReasonOf(signal);
        if (reason) return { kind: 'stopped', reason } as const;
        throw fault;
      });
      if (joined.kind === 'stopped') return refuse(stopRefusal(joined.reason));
      if (joined.kind === 'unacceptable') return reject(session, partials, joined);

      const ids = partials.map(({ sessionId }) => sessionId);
      const merged = await sessions.merge(session.sessionId, session.epoch, joined.bytes, ids);
      if (merged.kind !== 'merged') {
        const joinedBytes = { sessionId: session.sessionId, storage: joined.bytes.storage };
        await (merged.kind === 'unfit' ? discard(joinedBytes) : clearOvertaken(deps, joinedBytes));
        return notMerged(merged);
      }
      // Nothing is written from here on: a newcomer need not wait for the completion.
      slot.leave(true);
      const outcome = await conclude(merged.session, joined.digest);
      if (outcome.ok) await clear(partials);
      return outcome;
    } finally {
      slot.leave(clean);
    }
  }

  /** Where that cannot be done now, it is once the final upload expires. */
  async function discard(joinedBytes: BlobRef): Promise<void> {
    try {
      await blobs.discard(joinedBytes, null);
    } catch (fault) {
      if (!(fault instanceof SluiceError)) throw fault;
    }
  }

  /** These parts can never become a file we take: they end with it. */
  async function reject(
    final: Session,
    partials: readonly Session[],
    { refusal, storage }: Extract<Joined, { kind: 'unacceptable' }>,
  ): Promise<Outcome<Session>> {
    // Told, so that whoever deletes the bytes finds them. Where that is refused, it is not ours to fail.
    const told = await sessions.commit(final.sessionId, final.epoch, {
      offset: 0,
      ...(storage !== undefined && { storage }),
    });
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
      const ids = partials.map((partial) => partial.sessionId);
      if (ids.some((id) => beingJoined.has(id))) return Promise.resolve(refuse(JOINED_ELSEWHERE));
      for (const id of ids) beingJoined.add(id);
      const started = run(final, partials).finally(() => {
        underWay.delete(sessionId);
        for (const id of ids) beingJoined.delete(id);
      });
      underWay.set(sessionId, started);
      return started;
    },
  };
}

function refuse(refusal: Refusal): Outcome<never> {
  return { ok: false, refusal };
}

const JOINED_ELSEWHERE: Refusal = {
  code: 'CONFLICT',
  message: 'A partial upload is being joined into another final upload. Try again when that is complete.',
};

const PARTIAL_GONE: Refusal = {
  code: 'SESSION_EXPIRED',
  message: 'A partial upload has ended before it became part of the final one. Send its bytes again.',
};
