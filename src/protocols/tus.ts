import type { FastifyReply } from 'fastify';
import { type ErrorCode, type Refusal, refused, SluiceError } from '../core/errors.ts';
import { isPartialUpload, type Session } from '../core/session.ts';
import { type AppendResult, endedRefusal } from '../engine/append.ts';
import {
  abandon,
  cancelUpload,
  type Dialect,
  type Exchange,
  type ProtocolDeps,
  refuse,
  refuseHeader,
} from './exchange.ts';
import { sendContinue } from './expect-continue.ts';
import { checksumOf } from './tus-checksum.ts';
import { FINAL_TAKES_NO_BYTES, tellConcat } from './tus-concat.ts';
import { createTusUpload } from './tus-create.ts';
import {
  mediaTypeOf,
  OFFSET_CONTENT_TYPE,
  parseByteCount,
  refuseChecksum,
  TUS_VERSION,
  tellCapabilities,
  tellExpiry,
  tellOffset,
  tellVersion,
} from './tus-headers.ts';

/** tus 1.0.0 (https://tus.io/protocols/resumable-upload): core protocol and what `TUS_EXTENSIONS` names. */
export function createTusDialect(deps: ProtocolDeps) {
  const { engine, uploads } = deps;

  async function head(exchange: Exchange, found: Session): Promise<FastifyReply> {
    const { reply } = exchange;
    // To whoever lost the answer to the final upload, its parts are still there: so it is asked for again.
    const isThere =
      found.status === 'active' || found.status === 'completed' || found.mergedInto !== undefined;
    if (!isThere) {
      return refuse(exchange, endedRefusal(found));
    }
    // To tus an offset that equals the length means complete, so the upload has to be.
    const outcome = await engine.finishStored(found).catch(lockDuringOutage);
    if (!outcome.ok) return refuse(exchange, outcome.refusal);
    const session = outcome.value;
    const length = session.uploadLength ?? session.expectedFileSize;
    tellOffset(reply, session);
    tellConcat(reply, session);
    reply.header('cache-control', 'no-store');
    if (length === null) reply.header('upload-defer-length', 1);
    else reply.header('upload-length', length);
    if (session.uploadMetadata !== null) reply.header('upload-metadata', session.uploadMetadata);
    return reply.code(200).send();
  }

  async function patch(exchange: Exchange, session: Session): Promise<FastifyReply> {
    const { request, reply, body, contentType } = exchange;
    const isFinal = session.uploadConcat !== undefined && !isPartialUpload(session);
    if (isFinal) return refuse(exchange, FINAL_TAKES_NO_BYTES, { status: 403 });
    if (mediaTypeOf(contentType) !== OFFSET_CONTENT_TYPE) {
      return refuse(exchange, {
        code: 'UNSUPPORTED_MEDIA_TYPE',
        message: `Bytes of an upload must be of type ${OFFSET_CONTENT_TYPE}.`,
      });
    }
    const offset = parseByteCount(request.headers['upload-offset']);
    if (offset === null) {
      const message = 'must be the offset in decimal digits, at most 2^53 − 1';
      return refuseHeader(exchange, { path: 'header/upload-offset', message });
    }
    const lengthSent = request.headers['upload-length'];
    const length = lengthSent === undefined ? null : parseByteCount(lengthSent);
    if (lengthSent !== undefined && length === null) {
      const message = 'must be the length in decimal digits, at most 2^53 − 1';
      return refuseHeader(exchange, { path: 'header/upload-length', message });
    }
    const check = checksumOf(request.raw);
    if (check === 'invalid') return refuseChecksum(exchange);
    if (changesNothing(session, offset, length, body.declaredLength)) return acknowledged(exchange, session);

    const result = await engine.append({
      ...{ session, body, protocol: 'tus', start: offset, length, completes: 'at_length' },
      ...(check && { check }),
      onAdmitted: () => sendContinue(reply),
    });
    return answerPatch(exchange, result, offset);
  }

  async function answerPatch(
    exchange: Exchange,
    result: AppendResult,
    offset: number,
  ): Promise<FastifyReply> {
    switch (result.kind) {
      case 'stored':
      case 'completed':
        return acknowledged(exchange, result.session);
      case 'completed_before':
        if (offset !== result.session.uploadOffset) return mismatch(exchange, result.session, offset);
        return answerAtTheEnd(exchange, result.session);
      case 'offset_mismatch':
        return mismatch(exchange, result.session, offset);
      case 'length_conflict':
        return refuseHeader(exchange, {
          path: 'header/upload-length',
          message: `is set once, and must not be below the offset of ${result.session.uploadOffset} bytes`,
        });
      case 'refused':
        return refuse(exchange, result.refusal);
      case 'cut':
        return abandon(exchange);
    }
  }

  /** Without bytes a PATCH asks whether the upload is complete. Only a chunked one has to come to tell that. */
  async function answerAtTheEnd(exchange: Exchange, session: Session): Promise<FastifyReply> {
    const { reply, body } = exchange;
    if (body.declaredLength === null) sendContinue(reply);
    const length = await engine.lengthOf(body, 0);
    if (length === 'cut') return abandon(exchange);
    return length === 0 ? acknowledged(exchange, session) : refuse(exchange, endedRefusal(session));
  }

  async function terminate(exchange: Exchange, session: Session): Promise<FastifyReply> {
    const gone = session.status !== 'active' && session.status !== 'completed';
    if (gone) return refuse(exchange, endedRefusal(session));
    return cancelUpload(deps, exchange, session);
  }

  const overridable = { PATCH: patch, DELETE: terminate, HEAD: head };

  /** For clients that can send nothing but GET and POST. */
  async function override(exchange: Exchange, session: Session): Promise<FastifyReply> {
    // Some clients write "Patch" (tus_client in Rust); no method of ours differs from another by its case alone.
    const asked = String(exchange.request.headers['x-http-method-override']).toUpperCase();
    if (asked === 'PATCH' || asked === 'DELETE' || asked === 'HEAD') {
      return overridable[asked](exchange, session);
    }
    const message = `must be one of ${Object.keys(overridable).join(', ')}`;
    return refuseHeader(exchange, { path: 'header/x-http-method-override', message });
  }

  return {
    methods: { ...overridable, POST: override } satisfies Dialect,

    /** POST on the collection. */
    create: (exchange: Exchange) => createTusUpload(deps, exchange),

    /** OPTIONS, whatever version is asked for. */
    async options({ reply }: Exchange): Promise<FastifyReply> {
      tellVersion(reply);
      tellCapabilities(reply, uploads.limits);
      return reply.code(204).send();
    },

    /** 412 where the request speaks another version, or does not say which; null where it speaks ours. */
    refuseVersion(exchange: Exchange): Promise<FastifyReply> | null {
      if (exchange.request.headers['tus-resumable'] === TUS_VERSION) return null;
      tellVersion(exchange.reply);
      exchange.reply.header('tus-version', TUS_VERSION);
      return refuse(exchange, WRONG_VERSION, { status: 412 });
    },
  };
}

/** Whoever sends a file by POST may never have heard of tus. */
const WRONG_VERSION: Refusal = refused(
  'INVALID_REQUEST',
  `Send "Tus-Resumable: ${TUS_VERSION}", or PUT the whole file to the upload_url of a session.`,
  { details: { errors: [{ path: 'header/tus-resumable', message: `must be ${TUS_VERSION}` }] } },
).refusal;

const OUTAGES: ReadonlySet<ErrorCode> = new Set([
  'LEDGER_UNAVAILABLE',
  'REDIS_CONNECTION_ERROR',
  'STORAGE_UNAVAILABLE',
]);

/**
 * An upload that has all its bytes, and waits only for what is away, is locked: 423. The 503 of an outage would be
 * taken for the loss of the upload: tus-js-client then sends the file once more, in a new session, and the stored one
 * is completed and counted as well. Of all errors of HEAD, locked is the only one after which it asks again.
 */
function lockDuringOutage(fault: unknown): never {
  const isOutage = fault instanceof SluiceError && OUTAGES.has(fault.code) && !fault.bytesAreLost;
  if (!isOutage) throw fault;
  const message = 'All bytes are stored, but the upload cannot be completed yet. Ask again in a moment.';
  throw new SluiceError('UPLOAD_LOCKED', message, {
    cause: fault,
    retryAfterSeconds: fault.retryAfterSeconds ?? 1,
  });
}

/** An empty PATCH at the right offset is a question, and no reason to disturb a running writer. */
function changesNothing(session: Session, offset: number, length: number | null, bodyLength: number | null) {
  const total = session.uploadLength ?? session.expectedFileSize;
  const unfinished = session.status === 'active' && offset !== total;
  return unfinished && bodyLength === 0 && length === null && offset === session.uploadOffset;
}

async function acknowledged({ reply }: Exchange, session: Session): Promise<FastifyReply> {
  tellOffset(reply, session);
  return reply.code(204).send();
}

function mismatch(exchange: Exchange, session: Session, provided: number): Promise<FastifyReply> {
  const { uploadOffset } = session;
  exchange.reply.header('upload-offset', uploadOffset);
  tellExpiry(exchange.reply, session);
  return refuse(exchange, {
    code: 'OFFSET_MISMATCH',
    message: `The upload goes on at byte ${uploadOffset}, not ${provided}. Ask for the offset, then resume there.`,
    details: { expected_offset: uploadOffset, provided_offset: provided },
  });
}
