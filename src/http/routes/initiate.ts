import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Initiated } from '../../core/admission.ts';
import type { Refusal } from '../../core/errors.ts';
import type { DirectPlan } from '../../core/ports.ts';
import { remainingBytes } from '../../core/quota.ts';
import type { SessionDraft } from '../../core/session.ts';
import type { DirectUploads } from '../../engine/direct-uploads.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { invalidRequestRefusal } from '../invalid-request.ts';
import { sendRefusal } from '../problem.ts';
import { Context, problems } from '../schemas.ts';
import { sendJson } from '../send-json.ts';
import type { Urls } from '../urls.ts';
import { timestamp, withContext } from '../views.ts';
import { InitiateBody, InitiateHeaders, readDraft } from './initiate-body.ts';
import type { RouteDeps } from './route-deps.ts';

/** Dialects that the upload resource speaks today. */
const PROTOCOLS = ['put', 'tus-1.0.0', 'ietf-resumable-upload'] as const;

const Initiated201 = Type.Object(
  {
    session_id: Type.String({ format: 'uuid' }),
    upload_url: Type.String({ description: 'Where the file goes; it holds the upload token.' }),
    max_file_size: Type.Integer({ description: 'The most this session may hold, in bytes.' }),
    allowed_formats: Type.Array(Type.String()),
    remaining_quota: Type.Integer({ description: 'What is left after this reservation, in bytes.' }),
    quota_limit: Type.Integer(),
    session_expires_at: Type.String({ format: 'date-time' }),
    dashboard_context: Context,
    upload_instructions: Type.Object({
      method: Type.Literal('PUT'),
      headers: Type.Record(Type.String(), Type.String()),
      timeout: Type.Integer({ description: 'Seconds.' }),
      protocols: Type.Array(Type.String()),
      tus_endpoint: Type.String(),
      transfer: Type.Optional(Type.Literal('direct')),
      part_size: Type.Optional(
        Type.Integer({ description: 'Direct mode: bytes of every part but the last.' }),
      ),
      part_count: Type.Optional(Type.Integer()),
    }),
  },
  { title: 'Initiated', description: 'The session, with its quota reserved.' },
);

/** POST P/initiate: reserve quota and create a session. */
export const initiateRoute: FastifyPluginCallbackTypebox<
  RouteDeps & { readonly uploadUrlTtlSeconds: number; readonly directUploads?: DirectUploads | null }
> = (app, { uploads, authenticate, rateLimiter, urls, uploadUrlTtlSeconds, directUploads = null }, done) => {
  const { allowedFormats } = uploads.limits;
  const formats = allowedFormats === '*' ? ['*'] : allowedFormats;

  app.post(
    '/initiate',
    {
      onRequest: callerGuard(authenticate, {
        permission: 'create_sessions',
        limit: rateLimiter.forWork('initiate'),
      }),
      config: { surprise: 'SESSION_CREATION_FAILED', createsSession: true },
      schema: {
        operationId: 'initiate',
        summary: 'Create an upload session',
        description: 'Reserves the quota at once. The file then goes to `upload_url`.',
        tags: ['sessions'],
        security: [{ bearer: [] }],
        headers: InitiateHeaders,
        body: InitiateBody,
        response: { 201: Initiated201, ...problems(400, 401, 403, 413, 415, 422, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const draft = readDraft(request, request.body);
      if (!draft.ok) return sendRefusal(reply, draft.refusal);
      const direct = request.body.transfer === 'direct';
      const undirectable = direct ? whyNotDirect(draft.value, directUploads) : null;
      if (undirectable) return sendRefusal(reply, undirectable);

      const outcome = await uploads.initiate({
        userId: callerOf(request).userId,
        draft: draft.value,
        idempotencyKey: request.headers['idempotency-key'] ?? null,
        direct,
      });
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      const begun = direct && directUploads ? await directUploads.begin(outcome.value.session) : null;
      if (begun && !begun.ok) return sendRefusal(reply, begun.refusal);
      const session = begun?.value ?? outcome.value.session;

      const here = urls(request);
      const uploadUrl = here.uploadUrl(session);
      reply.code(201).header('location', uploadUrl);
      if (outcome.value.replayed) reply.header('idempotency-replayed', 'true');
      return sendJson(reply, initiatedJson({ ...outcome.value, session }, uploadUrl, here));
    },
  );
  done();

  function initiatedJson({ session, quota }: Initiated, uploadUrl: string, here: Urls): string {
    const view = {
      session_id: session.sessionId,
      upload_url: uploadUrl,
      max_file_size: session.maxFileSize,
      allowed_formats: formats,
      remaining_quota: remainingBytes(quota),
      quota_limit: quota.limitBytes,
      session_expires_at: timestamp(session.expiresAt),
      upload_instructions: {
        method: 'PUT',
        headers: { 'Content-Type': 'application/octet-stream' },
        timeout: uploadUrlTtlSeconds,
        tus_endpoint: here.tusEndpoint,
        ...instructionsOf(directUploads?.plan(session) ?? null),
      },
    };
    return withContext(view, session.dashboardContext);
  }
};

function whyNotDirect(draft: SessionDraft, directUploads: DirectUploads | null): Refusal | null {
  if (directUploads === null) {
    const message = 'cannot be direct here: this service keeps no files in an object store. Leave it out';
    return invalidRequestRefusal([{ path: '/transfer', message }]);
  }
  if (draft.expectedFileSize !== null) return null;
  return invalidRequestRefusal([
    { path: '/expected_file_size', message: 'must be given for a direct transfer' },
  ]);
}

function instructionsOf(plan: DirectPlan | null) {
  if (plan === null) return { protocols: PROTOCOLS };
  const { partBytes, partCount } = plan;
  return { protocols: ['s3-multipart'], transfer: 'direct', part_size: partBytes, part_count: partCount };
}
