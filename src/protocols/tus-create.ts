import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { Compile } from 'typebox/compile';
import { accepted, type Outcome } from '../core/errors.ts';
import type { Session, SessionDraft } from '../core/session.ts';
import type { BodyCheck } from '../engine/append.ts';
import { EMPTY_FILE } from '../engine/verify.ts';
import { admitCaller } from '../http/auth/authenticate.ts';
import { type BodyFault, invalidRequestRefusal } from '../http/invalid-request.ts';
import { InitiateBody } from '../http/routes/initiate-body.ts';
import { DEFAULT_CONTEXT } from './default-context.ts';
import { abandon, type Exchange, type ProtocolDeps, refuse, refuseHeader } from './exchange.ts';
import { sendContinue } from './expect-continue.ts';
import { checksumOf } from './tus-checksum.ts';
import { createFinalUpload, parseUploadConcat, refuseConcat } from './tus-concat.ts';
import {
  mediaTypeOf,
  OFFSET_CONTENT_TYPE,
  parseCreationLength,
  refuseChecksum,
  tellExpiry,
  tellOffset,
} from './tus-headers.ts';
import { formatOfFiletype, parseUploadMetadata } from './tus-metadata.ts';

const initiateBody = Compile(InitiateBody);

/** POST on the collection (extension "creation", and "creation-with-upload"): the admission of initiate. */
export async function createTusUpload(deps: ProtocolDeps, exchange: Exchange): Promise<FastifyReply> {
  const { request, reply, body, contentType } = exchange;
  const rules = { permission: 'create_sessions', limit: deps.limitCreation } as const;
  const caller = await admitCaller(deps.authenticate, rules, exchange);
  if (!caller.ok) return refuse(exchange, caller.refusal);

  const concat = parseUploadConcat(request.headers['upload-concat']);
  if (concat === 'invalid') return refuseConcat(exchange);
  if (concat?.kind === 'final') {
    const draft = draftFrom(request.headers, null);
    if (!draft.ok) return refuse(exchange, draft.refusal);
    const { userId } = caller.value;
    return createFinalUpload(deps, exchange, { userId, partials: concat.partials, draft: draft.value });
  }

  const told = parseCreationLength(request.headers);
  if (!told) {
    const message = 'must be a number of bytes, or Upload-Defer-Length must be 1, and not both';
    return refuseHeader(exchange, { path: 'header/upload-length', message });
  }
  const withUpload = body.declaredLength !== 0;
  if (withUpload && mediaTypeOf(contentType) !== OFFSET_CONTENT_TYPE) {
    return refuse(exchange, {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: `Bytes sent with the creation must be of type ${OFFSET_CONTENT_TYPE}.`,
    });
  }
  const check = checksumOf(request.raw);
  if (check === 'invalid') return refuseChecksum(exchange);
  const mayBeEmpty = deps.uploads.limits.allowedFormats === '*' && concat === null;
  if (told.length === 0 && !mayBeEmpty) return refuse(exchange, EMPTY_FILE);

  const draft = draftFrom(request.headers, told.length || null);
  if (!draft.ok) return refuse(exchange, draft.refusal);
  const outcome = await deps.uploads.initiate({
    userId: caller.value.userId,
    draft: draft.value,
    idempotencyKey: null,
  });
  if (!outcome.ok) return refuse(exchange, outcome.refusal);
  const { session } = outcome.value;

  reply.header('location', deps.urls(request).uploadUrl(session));
  // An empty file has no size that could be declared or reserved: its creation is its whole upload.
  if (told.length === 0) return firstBytes(deps, exchange, { session, check, completes: 'at_end' });
  if (withUpload) return firstBytes(deps, exchange, { session, check, completes: 'at_length' });
  tellExpiry(reply, session);
  return reply.code(201).send();
}

async function firstBytes(
  deps: ProtocolDeps,
  exchange: Exchange,
  upload: {
    readonly session: Session;
    readonly check: BodyCheck | null;
    readonly completes: 'at_end' | 'at_length';
  },
): Promise<FastifyReply> {
  const { reply, body } = exchange;
  const { session, check, completes } = upload;
  const result = await deps.engine.append({
    ...{ session, body, protocol: 'tus', start: 0, length: null, completes },
    ...(check && { check }),
    onAdmitted: () => sendContinue(reply),
  });
  switch (result.kind) {
    case 'stored':
    case 'completed':
    case 'completed_before':
    case 'offset_mismatch':
    case 'length_conflict':
      tellOffset(reply, result.session);
      return reply.code(201).send();
    case 'refused':
      return refuse(exchange, result.refusal);
    case 'cut':
      return abandon(exchange);
  }
}

/** The draft that the metadata stands for, by the rules of the body of initiate. */
function draftFrom(headers: IncomingHttpHeaders, length: number | null): Outcome<SessionDraft> {
  const { 'upload-metadata': header, 'upload-concat': concat } = headers;
  const sent = typeof header === 'string' && header !== '' ? header : null;
  const metadata = sent === null ? new Map<string, string>() : parseUploadMetadata(sent);
  if (!metadata) return badMetadata([{ path: '', message: 'must be pairs of a key and a base64 value' }]);

  const context = {
    ...DEFAULT_CONTEXT,
    source_section: metadata.get('source_section') ?? DEFAULT_CONTEXT.source_section,
    workflow_type: metadata.get('workflow_type') ?? DEFAULT_CONTEXT.workflow_type,
  };
  const filename = metadata.get('filename') ?? null;
  const candidate = { dashboard_context: context, filename };
  if (!initiateBody.Check(candidate)) {
    return badMetadata(
      initiateBody.Errors(candidate).map((error) => ({
        path: `/${error.instancePath.split('/').at(-1)}`,
        message: error.message,
      })),
    );
  }
  return accepted({
    dashboardContext: JSON.stringify(context),
    expectedFileSize: length,
    fileFormat: formatOfFiletype(metadata.get('filetype')),
    filename,
    sha256: null,
    uploadMetadata: sent,
    ...(typeof concat === 'string' && { uploadConcat: concat }),
  });
}

function badMetadata(faults: readonly BodyFault[]): Outcome<never> {
  const refusal = invalidRequestRefusal(
    faults.map(({ path, message }) => ({ path: `header/upload-metadata${path}`, message })),
  );
  return { ok: false, refusal };
}
