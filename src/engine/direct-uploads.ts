import { setTimeout as delay } from 'node:timers/promises';
import { accepted, type Outcome, type Refusal, SluiceError } from '../core/errors.ts';
import type {
  ArrivedPart,
  BlobStore,
  DirectBlobs,
  DirectPlan,
  Events,
  SessionStore,
  SignedPart,
} from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { Uploads } from '../core/uploads.ts';
import { endedRefusal, NO_SESSION } from './append.ts';
import type { UploadEngine } from './engine.ts';
import { HEAD_BYTES, judgeFormat, readHead, recogniseFormat } from './verify.ts';

/**
 * Direct mode: the client sends the parts to the object store itself, with URLs that the service signs. The
 * reservation stands as for any other upload; what is different is that the bytes can only be looked at when
 * they are all there. Until the session is settled it is not complete, as ever.
 */
export interface DirectUploads {
  /** Null where the session is none. Pure. */
  plan(session: Session): DirectPlan | null;
  /** Make a fresh session one of them. Repeating it, also at the same time, gives the same upload. */
  begin(session: Session): Promise<Outcome<Session>>;
  sign(session: Session, partNumbers: readonly number[]): Promise<Outcome<readonly SignedPart[]>>;
  arrived(session: Session): Promise<Outcome<readonly ArrivedPart[]>>;
  /** Join, verify, settle. Idempotent: a completed session is given back as it is. */
  complete(
    session: Session,
    parts: readonly Pick<ArrivedPart, 'partNumber' | 'etag'>[],
  ): Promise<Outcome<Session>>;
}

export interface DirectUploadsDeps {
  readonly direct: DirectBlobs;
  readonly sessions: SessionStore;
  readonly blobs: BlobStore;
  readonly uploads: Pick<Uploads, 'limits' | 'fail' | 'cancel'>;
  readonly engine: Pick<UploadEngine, 'finishStored'>;
  readonly events: Events;
  readonly instance: string;
  /** How long a URL is good for, in milliseconds; never beyond the session's expiry. */
  readonly urlTtlMs?: number;
}

const URL_TTL_MS = 15 * 60_000;

/** How long to wait for another request that begins the same upload, and between two looks. */
const BEGINNING_MS = 1500;
const LOOK_AGAIN_MS = 20;
/** Of each request that begins the same upload, one can come between. */
const SIGN_TRIES = 10;

const NOT_DIRECT: Refusal = {
  code: 'CONFLICT',
  message: 'This session takes the file at its upload_url. Ask for "transfer": "direct" with initiate.',
};
const NO_SUCH_PART: Refusal = {
  code: 'INVALID_REQUEST',
  message: 'The upload has no such part. Number the parts from 1, each of the part_size that initiate told.',
};
const WRONG_PARTS: Refusal = {
  code: 'CONFLICT',
  message:
    'These are not the parts that have arrived. Read the list of parts, send what is missing, try again.',
};

/** For services that keep no files in an object store. */
export const NO_DIRECT_UPLOADS: Omit<DirectUploads, 'begin'> = {
  plan: () => null,
  sign: async () => ({ ok: false, refusal: NOT_DIRECT }),
  arrived: async () => ({ ok: false, refusal: NOT_DIRECT }),
  complete: async () => ({ ok: false, refusal: NOT_DIRECT }),
};

export function createDirectUploads(deps: DirectUploadsDeps): DirectUploads {
  const { direct, sessions, blobs, uploads, engine, events, instance } = deps;
  const { allowedFormats } = uploads.limits;

  /** Why nothing can be sent to this session any more, or never could be. */
  function objection(session: Session): { readonly ok: false; readonly refusal: Refusal } | null {
    if (session.status !== 'active') return { ok: false, refusal: endedRefusal(session) };
    return direct.plan(session) ? null : { ok: false, refusal: NOT_DIRECT };
  }

  /** Of several who begin it at the same time (the same Idempotency-Key twice) the newest does, and all give its upload. */
  async function begin(session: Session): Promise<Outcome<Session>> {
    if (session.status === 'active' && direct.plan(session)) return accepted(session);
    const { sessionId, expectedFileSize: length } = session;
    if (length === null) throw new TypeError('a direct upload has a declared size');
    const taken = await sessions.take(sessionId, instance);
    if (taken.kind === 'not_found') return { ok: false, refusal: NO_SESSION };
    if (taken.kind === 'ended') return { ok: false, refusal: endedRefusal(taken.session) };
    const { epoch } = taken.session;
    // Begun since it was looked at: its URLs may be in use.
    if (direct.plan(taken.session)) return accepted(taken.session);
    try {
      const storage = await direct.begin(sessionId, { length, epoch });
      const result = await sessions.commit(sessionId, epoch, { offset: 0, storage });
      if (result.kind === 'committed') return accepted(result.session);
    } catch (fault) {
      // Without the upload the session is of no use, and its reservation would only be in the way.
      const left = await sessions.find(sessionId).catch(() => null);
      if (left?.epoch === epoch && !direct.plan(left)) await uploads.cancel(left).catch(() => {});
      throw fault;
    }
    return begunByAnother(sessionId);
  }

  /** Whoever took the session from us is about to begin the upload. */
  async function begunByAnother(sessionId: string): Promise<Outcome<Session>> {
    const giveUpAt = performance.now() + BEGINNING_MS;
    for (;;) {
      const found = await sessions.find(sessionId);
      if (!found) return { ok: false, refusal: NO_SESSION };
      if (found.status !== 'active') return { ok: false, refusal: endedRefusal(found) };
      if (direct.plan(found)) return accepted(found);
      if (performance.now() > giveUpAt) {
        throw new SluiceError(
          'STORAGE_UNAVAILABLE',
          'The upload is still being begun. Try again in a moment.',
        );
      }
      await delay(LOOK_AGAIN_MS);
    }
  }

  async function sign(
    session: Session,
    partNumbers: readonly number[],
    triesLeft = SIGN_TRIES,
  ): Promise<Outcome<readonly SignedPart[]>> {
    const no = objection(session);
    if (no) return no;
    if (!belong(session, partNumbers)) return { ok: false, refusal: NO_SUCH_PART };
    const renewed = await renewInTime(session);
    const expiresAt = Math.min(Date.now() + (deps.urlTtlMs ?? URL_TTL_MS), renewed.expiresAt);
    const { parts, storage } = await direct.sign(renewed, partNumbers, expiresAt);
    const { sessionId, epoch, uploadOffset: offset } = renewed;
    // First it is written down until when bytes can come, then the URLs are given away.
    const result = await sessions.commit(sessionId, epoch, { offset, storage });
    if (result.kind === 'ended') return { ok: false, refusal: endedRefusal(result.session) };
    if (result.kind === 'not_found') return { ok: false, refusal: NO_SESSION };
    if (result.kind === 'committed') return accepted(parts);
    // Another request that wanted to begin the upload took the session, and found it begun.
    const found = triesLeft > 0 ? await sessions.find(sessionId) : null;
    return found ? sign(found, partNumbers, triesLeft - 1) : { ok: false, refusal: WRONG_PARTS };
  }

  function belong(session: Session, partNumbers: readonly number[]): boolean {
    const most = direct.plan(session)?.partCount ?? 0;
    return partNumbers.every((number) => number >= 1 && number <= most);
  }

  /** A session that is being fed does not expire: bytes that arrived count once the half of its time is over. */
  async function renewInTime(session: Session): Promise<Session> {
    if (session.expiresAt - Date.now() > uploads.limits.sessionTtlMs / 2) return session;
    const { session: noted } = await look(session);
    return noted;
  }

  /** What has arrived, taken down as progress. */
  async function look(session: Session): Promise<{ parts: readonly ArrivedPart[]; session: Session }> {
    const parts = await direct.arrived(session);
    let row = 0;
    for (const [index, part] of parts.entries()) {
      if (part.partNumber !== index + 1) break;
      row += part.bytes;
    }
    const { sessionId, userId, epoch, uploadOffset, uploadLength } = session;
    // All bytes show only when they are sealed, as in every other mode.
    const offset = Math.min(row, (uploadLength ?? session.maxFileSize) - 1);
    if (offset <= uploadOffset) return { parts, session };
    const result = await sessions.commit(sessionId, epoch, { offset });
    if (result.kind !== 'committed') return { parts, session };
    events.emit({ type: 'progress', sessionId, userId, uploadOffset: offset, uploadLength });
    return { parts, session: result.session };
  }

  async function complete(
    session: Session,
    named: readonly Pick<ArrivedPart, 'partNumber' | 'etag'>[],
  ): Promise<Outcome<Session>> {
    if (session.status === 'completed') return accepted(session);
    const no = objection(session);
    if (no) return no;
    if (session.sealed) return engine.finishStored(session);
    const plan = direct.plan(session);
    const numbers = new Set(named.map(({ partNumber }) => partNumber));
    if (
      !plan ||
      numbers.size !== plan.partCount ||
      named.length !== numbers.size ||
      !belong(session, [...numbers])
    ) {
      return { ok: false, refusal: WRONG_PARTS };
    }

    const joined = await direct.complete(session, named);
    if (joined.kind === 'wrong_parts') return changedMeanwhile(session);
    if (joined.kind === 'wrong_length') {
      const message = `The file has ${joined.bytes} bytes instead of the ${plan.length} declared. Start a new session.`;
      return fail(session, { code: 'FILE_TOO_LARGE', message });
    }
    const looked = await recognise(session, joined.progress.storage, plan.length);
    if (!looked.ok) return fail(session, looked.refusal);

    const { offset, storage, parts = [] } = joined.progress;
    const detectedFormat = looked.value === null ? {} : { detectedFormat: looked.value };
    const progress = { offset, length: offset, storage, parts, seal: true, ...detectedFormat };
    const sealed = await sessions.commit(session.sessionId, session.epoch, progress);
    if (sealed.kind === 'committed') return engine.finishStored(sealed.session);
    return changedMeanwhile(session);
  }

  /** Somebody completed or cancelled it at the same time; else it is the parts. */
  async function changedMeanwhile(session: Session): Promise<Outcome<Session>> {
    const found = await sessions.find(session.sessionId);
    if (!found) return { ok: false, refusal: NO_SESSION };
    if (found.status === 'completed') return accepted(found);
    if (found.status !== 'active') return { ok: false, refusal: endedRefusal(found) };
    return found.sealed ? engine.finishStored(found) : { ok: false, refusal: WRONG_PARTS };
  }

  async function recognise(
    { sessionId, fileFormat }: Session,
    storage: string,
    length: number,
  ): Promise<Outcome<string | null>> {
    if (allowedFormats === '*') return accepted(null);
    const head = await readHead(blobs, { sessionId, storage }, Math.min(length, HEAD_BYTES));
    const detected = await recogniseFormat(head);
    const refusal = judgeFormat(detected, fileFormat, allowedFormats);
    return refusal ? { ok: false, refusal } : accepted(detected);
  }

  async function fail(session: Session, refusal: Refusal): Promise<Outcome<Session>> {
    const { code, message } = refusal;
    const ended = await uploads.fail(session, { error_code: code, error_message: message });
    return ended.status === 'completed' ? accepted(ended) : { ok: false, refusal };
  }

  return {
    plan: (session) => direct.plan(session),
    begin,
    sign: (session, partNumbers) => sign(session, partNumbers),
    async arrived(session) {
      const no = objection(session);
      if (no) return no;
      const { parts } = await look(session);
      return accepted(parts);
    },
    complete,
  };
}
