import type { FastifyReply } from 'fastify';
import type { SessionDraft } from '../core/session.ts';
import { EMPTY_FILE } from '../engine/verify.ts';
import { admitCaller } from '../http/auth/authenticate.ts';
import { invalidRequestRefusal } from '../http/invalid-request.ts';
import { isName, NOT_A_NAME } from '../http/routes/initiate-body.ts';
import { fileNameOf } from './content-disposition.ts';
import { DEFAULT_CONTEXT } from './default-context.ts';
import { type Exchange, type ProtocolDeps, refuse, refuseHeader } from './exchange.ts';
import { receiveBytes } from './ietf-append.ts';
import {
  generalLimit,
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
  const rules = { permission: 'create_sessions', limit: deps.limitCreation } as const;
  const caller = await admitCaller(deps.authenticate, rules, exchange);
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
  const filename = fileNameOf(request.headers['content-disposition']);
  if (!isName(filename)) {
    return refuseHeader(exchange, { path: 'header/content-disposition/filename', message: NOT_A_NAME });
  }
  if (length === 0 && deps.uploads.limits.allowedFormats !== '*') return refuse(exchange, EMPTY_FILE);

  const draft: SessionDraft = {
    dashboardContext: JSON.stringify(DEFAULT_CONTEXT),
    expectedFileSize: length,
    fileFormat: formatOfFiletype(contentType),
    filename,
    sha256: parseSha256(request.headers['repr-digest'])?.toString('hex') ?? null,
    uploadMetadata: null,
  };
  const outcome = await deps.uploads.initiate({
    userId: caller.value.userId,
    draft,
    idempotencyKey: null,
  });
  if (!outcome.ok) {
    // Section 4.1.4: a 413 tells what would not be too large.
    if (outcome.refusal.code === 'FILE_TOO_LARGE') {
      reply.header('upload-limit', generalLimit(deps.uploads.limits));
    }
    return refuse(exchange, outcome.refusal);
  }

  const { session } = outcome.value;
  const location = deps.urls(request).uploadUrl(session);
  reply.header('location', location);
  return receiveBytes(deps, exchange, { session, start: 0, complete, location });
}
