import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Refusal } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import { type AppendResult, type BodyCheck, endedRefusal } from '../engine/append.ts';
import type { Comparison } from '../engine/compare.ts';
import { sendJson } from '../http/send-json.ts';
import { sessionStatusJson } from '../http/views.ts';
import { abandon, type Exchange, type ProtocolDeps, refuse } from './exchange.ts';
import { sendContinue } from './expect-continue.ts';
import {
  INCONSISTENT_LENGTH,
  MISMATCHING_OFFSET,
  parseLength,
  parseSha256,
  sessionLimit,
  tellComplete,
  tellState,
  wantsSha256,
} from './ietf-headers.ts';
import { createInterim } from './ietf-interim.ts';

/** One request that brings bytes, on creation or later. */
export interface IetfBytes {
  readonly session: Session;
  readonly start: number | 'restart';
  /** `Upload-Complete`: the upload ends with this request. */
  readonly complete: boolean;
  /** Where the upload is, told to clients that have just created it; null for appends. */
  readonly location: string | null;
}

/** After these the upload is over and resuming it would change nothing: the answer is a final one. */
const FINAL_REFUSALS: ReadonlySet<Refusal['code']> = new Set(['UNSUPPORTED_FORMAT', 'DIGEST_MISMATCH']);

export async function receiveBytes(
  deps: ProtocolDeps,
  exchange: Exchange,
  bytes: IetfBytes,
): Promise<FastifyReply> {
  const { request, reply, body } = exchange;
  const { session, location } = bytes;
  const interim = createInterim(reply, deps.interimResponses);
  const contentDigest = parseSha256(request.headers['content-digest']);
  const reprDigest = parseSha256(request.headers['repr-digest']);

  const result = await deps.engine.append({
    session,
    body,
    protocol: 'ietf',
    start: bytes.start,
    length: parseLength(request.headers),
    completes: bytes.complete ? 'at_end' : 'never',
    ...(contentDigest && { check: checkDigest(contentDigest) }),
    ...(reprDigest && { sha256: reprDigest.toString('hex') }),
    onAdmitted() {
      if (location !== null) interim.admitted(location, sessionLimit(session, Date.now()));
      // The draft, section 5: a 104 does not stand in for the 100.
      sendContinue(reply);
    },
    onProgress: interim.progress,
  });
  return answer(deps, exchange, bytes, result);
}

async function answer(
  deps: ProtocolDeps,
  exchange: Exchange,
  bytes: IetfBytes,
  result: AppendResult,
): Promise<FastifyReply> {
  const { reply, body } = exchange;
  switch (result.kind) {
    case 'stored':
      tellState(reply, result.session);
      if (bytes.location === null) return reply.code(204).send();
      return reply.code(201).header('location', bytes.location).send();
    case 'completed':
      return finalAnswer(deps, exchange, result.session);
    case 'completed_before':
      return repeat(deps, exchange, bytes, result.session);
    case 'offset_mismatch':
      return mismatch(exchange, result.session, bytes.start);
    case 'length_conflict':
      if (endsBeyond(result.session, bytes, body.declaredLength)) {
        return pastTheLength(deps, exchange, result.session);
      }
      tellComplete(reply, false);
      return refuse(exchange, INCONSISTENT, { type: INCONSISTENT_LENGTH });
    case 'refused':
      if (result.refusal.code === 'FILE_TOO_LARGE') return tooLarge(deps, exchange, bytes, result.refusal);
      tellComplete(reply, FINAL_REFUSALS.has(result.refusal.code));
      return refuse(exchange, result.refusal);
    case 'cut':
      return abandon(exchange);
  }
}

/** What the resource that the upload was made for answers once it has it all: the session, completed. */
function finalAnswer(deps: ProtocolDeps, { request, reply }: Exchange, session: Session): FastifyReply {
  tellState(reply, session);
  const { contentSha256 } = session;
  if (contentSha256 && wantsSha256(request.headers)) {
    reply.header('repr-digest', `sha-256=:${Buffer.from(contentSha256, 'hex').toString('base64')}:`);
  }
  return sendJson(reply.code(201), sessionStatusJson(session, deps.urls(request)));
}

/** A client that lost the final answer repeats its last append and gets it again. Anything else is too late. */
async function repeat(
  deps: ProtocolDeps,
  exchange: Exchange,
  bytes: IetfBytes,
  session: Session,
): Promise<FastifyReply> {
  const { reply, request } = exchange;
  if (bytes.complete && agrees(session, request.headers)) {
    const start = bytes.start === 'restart' ? 0 : bytes.start;
    const comparison = await compareFrom(start, deps, exchange, session);
    if (comparison === 'cut') return abandon(exchange);
    if (comparison === 'same') return finalAnswer(deps, exchange, session);
  }
  tellComplete(reply, false);
  return refuse(exchange, endedRefusal(session));
}

/** Where bytes came before these, place and number are what makes them the same; a whole file can be compared. */
async function compareFrom(
  start: number,
  { engine }: ProtocolDeps,
  { body, reply }: Exchange,
  session: Session,
): Promise<Comparison> {
  const length = session.uploadOffset - start;
  const { declaredLength } = body;
  if (length < 0 || (declaredLength ?? length) !== length) return 'different';
  if (start === 0 || declaredLength === null) sendContinue(reply);
  if (start === 0) return engine.compare(session, body);
  const sent = await engine.lengthOf(body, length);
  if (sent === 'cut') return 'cut';
  return sent === length ? 'same' : 'different';
}

/** Whether what a request tells of the whole file is true of this one. */
function agrees(session: Session, headers: IncomingHttpHeaders): boolean {
  const length = parseLength(headers);
  const digest = parseSha256(headers['repr-digest'])?.toString('hex') ?? null;
  const { contentSha256, uploadOffset } = session;
  return (
    (length === null || length === uploadOffset) &&
    (digest === null || contentSha256 === null || digest === contentSha256)
  );
}

function mismatch(exchange: Exchange, session: Session, start: number | 'restart'): Promise<FastifyReply> {
  const expected = session.uploadOffset;
  const provided = start === 'restart' ? 0 : start;
  exchange.reply.header('upload-offset', expected);
  tellComplete(exchange.reply, false);
  const refusal: Refusal = {
    code: 'OFFSET_MISMATCH',
    message: `The upload goes on at byte ${expected}, not ${provided}. Ask for the offset, then resume there.`,
    details: { expected_offset: expected, provided_offset: provided },
  };
  const extensions = { 'expected-offset': expected, 'provided-offset': provided };
  return refuse(exchange, refusal, { type: MISMATCHING_OFFSET, extensions });
}

/** Bytes past a length that was told invalidate the upload; past the service's maximum they are only refused. */
async function tooLarge(
  deps: ProtocolDeps,
  exchange: Exchange,
  bytes: IetfBytes,
  refusal: Refusal,
): Promise<FastifyReply> {
  const known = parseLength(exchange.request.headers) ?? knownLength(bytes.session);
  const fits = known !== null && known <= bytes.session.maxFileSize;
  if (fits) return pastTheLength(deps, exchange, bytes.session);
  tellComplete(exchange.reply, false);
  exchange.reply.header('upload-limit', sessionLimit(bytes.session, Date.now()));
  return refuse(exchange, refusal);
}

/** The draft, section 4.4.2: past a known length the resource is invalid from then on. */
async function pastTheLength(
  deps: ProtocolDeps,
  exchange: Exchange,
  session: Session,
): Promise<FastifyReply> {
  const { code, message } = PAST_THE_LENGTH;
  await deps.uploads.fail(session, { error_code: code, error_message: message });
  tellComplete(exchange.reply, true);
  return refuse(exchange, PAST_THE_LENGTH);
}

function endsBeyond(session: Session, { start }: IetfBytes, declared: number | null): boolean {
  const length = knownLength(session);
  if (length === null || declared === null) return false;
  return (start === 'restart' ? 0 : start) + declared > length;
}

function knownLength(session: Session): number | null {
  return session.uploadLength ?? session.expectedFileSize;
}

function checkDigest(expected: Buffer): BodyCheck {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), matches: () => hash.digest().equals(expected) };
}

const INCONSISTENT: Refusal = {
  code: 'INVALID_REQUEST',
  message: 'The lengths that were told for this upload contradict each other. Tell one and the same length.',
};

const PAST_THE_LENGTH: Refusal = {
  code: 'FILE_TOO_LARGE',
  message: 'More bytes came than the length of the upload. The upload is over; start a new one.',
};
