import { accepted, type Outcome, refused, SluiceError } from './errors.ts';
import { endingEvent } from './outbox.ts';
import type { BlobStore, DueSessions, Ending, Events, Ledger, SessionEvent, SessionStore } from './ports.ts';
import type { Failure, Session } from './session.ts';

/**
 * How sessions end. Two processes can be at it at once (the last byte arrives while its owner cancels, or
 * the reconciler gives up what another completes), so somebody has to arbitrate: for a sealed session it is the ledger. Whoever
 * writes its row first wins: `settle` makes it completed for good, `voidSession` makes it never so. Sessions
 * that are not sealed cannot be settled, so ending them needs the session store alone.
 */

interface Deps {
  readonly store: SessionStore & DueSessions;
  readonly ledger: Ledger;
  readonly blobs: BlobStore;
  readonly events: Events;
}

export interface Endings {
  complete(session: Session, contentSha256: string): Promise<Outcome<Session>>;
  fail(session: Session, failure: Failure): Promise<Session>;
  cancel(session: Session): Promise<Outcome<Session>>;
  /**
   * For the sweeper, and for the reconciler where a sealed session can never be completed. A session that had ended
   * before only loses what is left of its bytes; one that completed meanwhile stays so.
   */
  expire(session: Session): Promise<Session>;
  /**
   * For the sweeper: sessions whose time is over, all at once. Gives those that need nothing more: it was this call
   * that ended them, and nobody had ever written to them. All others are for `expire`, one by one.
   */
  expireUnwritten(sessions: readonly Session[]): Promise<ReadonlySet<Session>>;
}

export function createEndings({ store, ledger, blobs, events }: Deps): Endings {
  async function complete(session: Session, contentSha256: string): Promise<Outcome<Session>> {
    const { sessionId, userId, createdAt, detectedFormat, filename, dashboardContext } = session;
    const storageKey = storageKeyOf(session);
    await blobs.finalize(session, storageKey);
    const settlement = await ledger.settle({
      sessionId,
      userId,
      bytes: session.uploadOffset,
      format: detectedFormat,
      sha256: contentSha256,
      storageKey,
      filename,
      dashboardContext,
      createdAt,
    });
    if (settlement.kind === 'voided') {
      await blobs.discard(session, storageKey);
      return refused('SESSION_EXPIRED', 'The session ended before the upload was complete. Start a new one.');
    }
    const finished = await store.finish(sessionId, settlement.completion);
    if (!finished) {
      throw new SluiceError('INTERNAL_ERROR', 'The upload was counted, but its session is forgotten.');
    }
    emit('completed', finished);
    return accepted(finished);
  }

  /** End it, asking the ledger first where it is sealed. A session that completed meanwhile stays so. */
  async function end(session: Session, ending: Ending): Promise<Ended> {
    // While somebody could still send bytes, the room for them stays reserved.
    const until = blobs.writableUntil?.(session) ?? 0;
    const held = until > 0 ? { ...ending, holdReservationUntil: until } : ending;
    let result = await store.end(session.sessionId, held);
    if (result.kind === 'sealed') {
      const verdict = await ledger.voidSession(session.sessionId, session.userId);
      if (verdict.kind === 'settled') {
        const finished = await store.finish(session.sessionId, verdict.completion);
        return { session: finished ?? session, toClear: false, isNew: false };
      }
      result = await store.end(session.sessionId, { ...held, voided: true });
    }
    if (result.kind === 'not_found') return { session, toClear: false, isNew: false };
    if (result.kind === 'ended') emit(ending.status, result.session);
    // A session found sealed again would have to be unsealed in between, which nothing does.
    return {
      session: result.session,
      toClear: result.session.status !== 'completed',
      isNew: result.kind === 'ended',
    };
  }

  /**
   * The world is told first, then go the bytes, then the memory of them: what fails or is cut off in between
   * is left to the sweeper, on whose list the session stays. So no ending is lost on the way to the outbox.
   */
  async function clear({ session, toClear, isNew }: Ended): Promise<Session> {
    if (!toClear) return session;
    const event = endingEvent(session);
    if (event) await ledger.record(event);
    // The end itself raised the epoch.
    if (!isNew || !isUnwritten(session, 1)) await blobs.discard(session, storageKeyOf(session));
    await store.forget(session.sessionId);
    return session;
  }

  async function fail(session: Session, failure: Failure): Promise<Session> {
    const ended = await end(session, { status: 'failed', failure });
    return clear(ended).catch((fault: unknown) => {
      // The client is to hear what is wrong with its file, though the ledger or the storage is away just now.
      if (fault instanceof SluiceError) return ended.session;
      throw fault;
    });
  }

  async function expire(session: Session): Promise<Session> {
    return clear(await end(session, { status: 'expired', failure: null }));
  }

  /** In the order of `clear`, but that there are no bytes to go. */
  async function expireUnwritten(sessions: readonly Session[]): Promise<ReadonlySet<Session>> {
    const candidates = sessions.filter((one) => one.status === 'expired' && isUnwritten(one, 0));
    if (candidates.length === 0) return new Set();
    const names = await store.expire(candidates.map(({ sessionId }) => sessionId));
    const ended = candidates.filter(({ sessionId }) => names.has(sessionId));
    for (const session of ended) emit('expired', session);
    await ledger.record(...ended.map(endingEvent).filter((event) => event !== null));
    await store.forget(...names);
    return new Set(ended);
  }

  function storageKeyOf(session: Session): string {
    return blobs.storageKey(session, session.createdAt, session.detectedFormat);
  }

  function emit(type: SessionEvent['type'], session: Session): void {
    const { sessionId, userId, uploadOffset, uploadLength } = session;
    const errorCode = session.failure?.error_code;
    events.emit({ type, sessionId, userId, uploadOffset, uploadLength, ...(errorCode && { errorCode }) });
  }

  async function cancel(session: Session): Promise<Outcome<Session>> {
    const ended = await clear(await end(session, { status: 'cancelled', failure: null }));
    if (ended.status === 'completed') {
      return refused('UPLOAD_COMPLETED', 'The upload is complete already and cannot be cancelled any more.');
    }
    return accepted(ended);
  }

  return { complete, fail, cancel, expire, expireUnwritten };
}

/** `toClear`: it ended without a file, so its bytes have to go. */
interface Ended {
  readonly session: Session;
  readonly toClear: boolean;
  /** It was this call that ended it. */
  readonly isNew: boolean;
}

/** Whoever writes takes the session first. @param epoch what it is where nobody did. */
function isUnwritten(session: Session, epoch: number): boolean {
  return session.epoch <= epoch && session.storage === null;
}
