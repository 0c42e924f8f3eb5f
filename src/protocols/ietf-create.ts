import type { FastifyReply } from 'fastify';
import type { SessionDraft } from '../core/session.ts';
import { EMPTY_FILE } from '../engine/verify.ts';
import { requirePermission } from '../http/auth/authenticate.ts';
import { invalidRequestRefusal } from '../http/invalid-request.ts';
import { fileNameOf } from './content-disposition.ts';
import { DEFAULT_CONTEXT } from './default-context.ts';
import { type Exchange, type ProtocolDeps, refuse, refuseHeader } from './exchange.ts';
import { receiveBytes } from './ietf-append.ts';
import {
  INCONSISTENT_LENGTH,
  parseComplete,
  parseLength,
  parseSha256,
  tellComplete,
} from './ietf-headers.ts';
import { formatOfFiletype } from './tus-metadata.ts';

/** POST on the collection (the draft, section 4.2): the admission of initiate, and the first bytes. */
export async function createIetfUpload(deps: ProtocolDeps, exchange: Exchange): Promise<FastifyReply> {
  const { request, reply, body, contentType } = exchange;
  const known = await deps.authenticate(request);
  const caller = known.ok ? requirePermission(known.value, 'create_sessions') : known;
  if (!caller.ok) return refuse(exchange, caller.refusal);

  const complete = parseComplete(request.headers);
  if (complete === null) {
    return refuseHeader(exchange, { path: 'header/upload-complete', message: 'must be ?0 or ?1' });
  }
  const told = parseLength(request.headers);
  const implied = complete ? body.declaredLength : null;
  if (told !== null && implied !== null && told !== implied) {
    tellComplete(reply, false);
    const fault = { path: 'header/upload-length', message: `must be the ${implied} bytes of the body` };
    return refuse(exchange, invalidRequestRefusal([fault]), { type: INCONSISTENT_LENGTH });
  }
  const length = told ?? implied;
  if (length === 0 && deps.uploads.limits.allowedFormats !== '*') return refuse(exchange, EMPTY_FILE);

  const draft: SessionDraft = {
    dashboardContext: JSON.stringify(DEFAULT_CONTEXT),
    expectedFileSize: length,
    fileFormat: formatOfFiletype(contentType),
    filename: fileNameOf(request.headers['content-disposition']),
    sha256: parseSha256(request.headers['repr-digest'])?.toString('hex') ?? null,
    uploadMetadata: null,
  };
  const outcome = await deps.uploads.initiate({
    userId: caller.value.userId,
    draft,
    idempotencyKey: null,
  });
  if (!outcome.ok) return refuse(exchange, outcome.refusal);

  const { session } = outcome.value;
  const location = deps.urls(request).uploadUrl(session);
  reply.header('location', location);
  return receiveBytes(deps, exchange, { session, start: 0, complete, location });
}
