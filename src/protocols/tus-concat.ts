import type { FastifyReply } from 'fastify';
import { accepted, type Outcome, type Refusal, refused } from '../core/errors.ts';
import { isPartialUpload, type Session, type SessionDraft } from '../core/session.ts';
import { finalUploadId, parseUuid } from '../core/session-id.ts';
import { endedRefusal } from '../engine/append.ts';
import { invalidRequestRefusal } from '../http/invalid-request.ts';
import { UPLOADS_PATH } from '../http/urls.ts';
import { type Exchange, type ProtocolDeps, refuse, refuseHeader } from './exchange.ts';

/**
 * tus extension "concatenation": pieces of a file come in side by side as partial uploads, each a session with a
 * reservation of its own, and `Upload-Concat: final;…` makes them one file. `concatenation-unfinished` is not
 * offered: a final upload is made of partial uploads that have all their bytes.
 */
export type UploadConcat =
  | { readonly kind: 'partial' }
  /** Ids of the partial uploads, in order. */
  | { readonly kind: 'final'; readonly partials: readonly string[] };

/** Null where the header is not there. */
export function parseUploadConcat(header: string | string[] | undefined): UploadConcat | null | 'invalid' {
  if (header === undefined) return null;
  if (header === 'partial') return { kind: 'partial' };
  if (typeof header !== 'string' || !header.startsWith('final;')) return 'invalid';
  const partials: string[] = [];
  for (const url of header.slice('final;'.length).split(' ')) {
    const id = idOf(url);
    if (id === null) return 'invalid';
    partials.push(id);
  }
  // Nobody's bytes are there twice.
  return new Set(partials).size === partials.length ? { kind: 'final', partials } : 'invalid';
}

/** The session that an upload URL names, be it absolute or relative. */
function idOf(url: string): string | null {
  const path = URL.parse(url, 'http://localhost')?.pathname ?? '';
  const at = path.lastIndexOf('/');
  return path.slice(0, at).endsWith(UPLOADS_PATH) ? parseUuid(path.slice(at + 1)) : null;
}

export function refuseConcat(exchange: Exchange): Promise<FastifyReply> {
  const message = 'must be "partial", or "final;" and the URLs of different partial uploads of this service';
  return refuseHeader(exchange, { path: 'header/upload-concat', message });
}

/** POST of a final upload. Repeated, it gives the same upload, as long as that is remembered. */
export async function createFinalUpload(
  deps: ProtocolDeps,
  exchange: Exchange,
  final: { readonly userId: string; readonly partials: readonly string[]; readonly draft: SessionDraft },
): Promise<FastifyReply> {
  const { request, reply, body } = exchange;
  const tooMuch = ['upload-length', 'upload-defer-length'].find(
    (name) => request.headers[name] !== undefined,
  );
  if (tooMuch) {
    const message = 'must not be sent: a final upload has the length of its partial uploads';
    return refuseHeader(exchange, { path: `header/${tooMuch}`, message });
  }
  if (body.declaredLength !== 0) return refuse(exchange, NO_BODY);

  const outcome = await completeFinal(deps, final);
  if (!outcome.ok) return refuse(exchange, outcome.refusal);
  return reply.code(201).header('location', deps.urls(request).uploadUrl(outcome.value)).send();
}

async function completeFinal(
  deps: ProtocolDeps,
  final: { readonly userId: string; readonly partials: readonly string[]; readonly draft: SessionDraft },
): Promise<Outcome<Session>> {
  const { engine, uploads } = deps;
  const { userId, partials: ids, draft } = final;
  // Asked first: partial uploads that have ended may have become the very upload that is found afterwards.
  const found = await Promise.all(ids.map((id) => uploads.session(id, userId)));
  const sessionId = finalUploadId(ids);
  const earlier = await uploads.session(sessionId, userId);
  if (earlier.ok && earlier.value.status !== 'active') {
    return earlier.value.status === 'completed'
      ? earlier
      : { ok: false, refusal: endedRefusal(earlier.value) };
  }
  if (earlier.ok && earlier.value.sealed) return engine.concatenate(earlier.value, []);

  const partials: Session[] = [];
  for (const one of found) {
    const full = one.ok ? requireFull(one.value) : one;
    if (!full.ok) return full;
    partials.push(full.value);
  }
  if (earlier.ok) return engine.concatenate(earlier.value, partials);

  const initiated = await uploads.initiate({
    userId,
    draft: { ...draft, expectedFileSize: partials.reduce((sum, { uploadOffset }) => sum + uploadOffset, 0) },
    idempotencyKey: null,
    concatenates: { sessionId, partials: partials.length },
  });
  return initiated.ok ? engine.concatenate(initiated.value.session, partials) : initiated;
}

function requireFull(session: Session): Outcome<Session> {
  if (!isPartialUpload(session)) return badPartial('names an upload that was not created as a partial one');
  if (session.status !== 'active') return { ok: false, refusal: endedRefusal(session) };
  if (session.uploadOffset === session.uploadLength) return accepted(session);
  const { sessionId, uploadOffset } = session;
  return badPartial(
    `names the upload ${sessionId}, which is unfinished: it has ${uploadOffset} bytes so far`,
  );
}

function badPartial(message: string): Outcome<never> {
  return { ok: false, refusal: invalidRequestRefusal([{ path: 'header/upload-concat', message }]) };
}

const NO_BODY: Refusal = refused(
  'INVALID_REQUEST',
  'The creation of a final upload has no body: its bytes are those of its partial uploads.',
).refusal;

/** The refusal of bytes for a final upload, to be sent as 403, as the extension wants it. */
export const FINAL_TAKES_NO_BYTES: Refusal = refused(
  'CONFLICT',
  'A final upload takes no bytes: its bytes are those of its partial uploads.',
).refusal;

/**
 * What else than tus wants to write to partial and final uploads: a PUT would complete a piece as if it were the
 * file. Null where the request may go on.
 */
export function refuseOtherDialects(
  session: Session,
  { method, dialect }: { readonly method: string; readonly dialect: string },
): Refusal | null {
  if (session.uploadConcat === undefined || session.status !== 'active') return null;
  const writes = method === 'PUT' || ((method === 'PATCH' || method === 'POST') && dialect !== 'tus');
  return writes ? TUS_ONLY : null;
}

const TUS_ONLY: Refusal = refused(
  'CONFLICT',
  'This upload was created as a part of another one: only PATCH of tus may write to it.',
).refusal;

/** For HEAD: the header as sent. A final upload has no offset before it is complete. */
export function tellConcat(reply: FastifyReply, session: Session): void {
  const { uploadConcat } = session;
  if (uploadConcat === undefined) return;
  reply.header('upload-concat', uploadConcat);
  if (!isPartialUpload(session) && session.status !== 'completed') reply.removeHeader('upload-offset');
}
