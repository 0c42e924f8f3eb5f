import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Outcome } from '../../core/errors.ts';
import type { Session } from '../../core/session.ts';
import { parseUuid } from '../../core/session-id.ts';
import { sessionOf, uploadGuard } from '../auth/upload-guard.ts';
import { invalidRequestRefusal } from '../invalid-request.ts';
import { sendRefusal } from '../problem.ts';
import { UPLOADS_PATH } from '../urls.ts';
import type { DirectUploadDeps } from './direct-upload.ts';

/**
 * Direct mode in the words of Uppy's Companion, so that `@uppy/aws-s3` works as it is, with
 * `companionEndpoint: '<service>/v1/uploads'`. Its versions 6 and later have no callbacks to hook other routes
 * into, and send no header of ours; so the file's metadata has to hold the `upload_url` of its session, and what
 * the plugin takes for the key of the object is the upload token, which comes back with every request.
 */

const ROOT = `${UPLOADS_PATH}/s3/multipart`;

/** The one request whose body is read before anybody knows who sends it, since the token stands there. */
const MAX_CREATE_BYTES = 8192;
const CreateBody = Type.Object({
  metadata: Type.Object({ upload_url: Type.String({ maxLength: 4096 }) }),
});
const Part = Type.Object({ part_number: Type.String({ pattern: '^[1-9][0-9]{0,4}$' }) });
const CompleteBody = Type.Object({
  parts: Type.Array(
    Type.Object({
      PartNumber: Type.Integer({ minimum: 1, maximum: 10_000 }),
      ETag: Type.String({ minLength: 1, maxLength: 256 }),
    }),
    { minItems: 1, maxItems: 10_000 },
  ),
});

export interface UppyS3Deps extends DirectUploadDeps {
  readonly cancel: (session: Session) => Promise<Outcome<Session>>;
}

export const uppyS3Routes: FastifyPluginCallbackTypebox<UppyS3Deps> = (app, deps, done) => {
  const { directUploads, authorizeUpload, urls, cancel } = deps;
  const hidden = { hide: true };
  const onRequest = uploadGuard(authorizeUpload, keyOf);

  app.post(
    ROOT,
    { bodyLimit: MAX_CREATE_BYTES, schema: { ...hidden, body: CreateBody } },
    async (request, reply) => {
      const place = placeOf(request.body.metadata.upload_url);
      const outcome = place ? await authorizeUpload(request, place.sessionId, place.token) : NO_URL;
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      const ready = await directUploads.arrived(outcome.value);
      if (!ready.ok) return sendRefusal(reply, ready.refusal);
      return { key: place?.token, uploadId: outcome.value.sessionId, bucket: '' };
    },
  );

  app.get(
    `${ROOT}/:session_id/:part_number`,
    { onRequest, schema: { ...hidden, params: Part } },
    async (request, reply) => {
      const signed = await directUploads.sign(sessionOf(request), [Number(request.params.part_number)]);
      if (!signed.ok) return sendRefusal(reply, signed.refusal);
      reply.header('cache-control', 'no-store');
      return { url: signed.value[0]?.url };
    },
  );

  app.get(`${ROOT}/:session_id`, { onRequest, schema: hidden }, async (request, reply) => {
    const arrived = await directUploads.arrived(sessionOf(request));
    if (!arrived.ok) return sendRefusal(reply, arrived.refusal);
    reply.header('cache-control', 'no-store');
    return arrived.value.map(({ partNumber, bytes, etag }) => ({
      PartNumber: partNumber,
      Size: bytes,
      ETag: etag,
    }));
  });

  app.post(
    `${ROOT}/:session_id/complete`,
    { onRequest, schema: { ...hidden, body: CompleteBody } },
    async (request, reply) => {
      const parts = request.body.parts.map(({ PartNumber, ETag }) => ({
        partNumber: PartNumber,
        etag: ETag,
      }));
      const outcome = await directUploads.complete(sessionOf(request), parts);
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      const location = `${urls(request).tusEndpoint}/${outcome.value.sessionId}`;
      return { location, key: outcome.value.sessionId, bucket: '' };
    },
  );

  app.delete(`${ROOT}/:session_id`, { onRequest, schema: hidden }, async (request, reply) => {
    const outcome = await cancel(sessionOf(request));
    if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
    return {};
  });
  done();
};

const NO_URL: Outcome<never> = {
  ok: false,
  refusal: invalidRequestRefusal([
    { path: '/metadata/upload_url', message: 'must be the upload_url that initiate returned' },
  ]),
};

/** The token that the plugin takes for a key; without one, or with two, it is no token that anybody issued. */
function keyOf({ query }: FastifyRequest): string {
  if (typeof query !== 'object' || query === null || !('key' in query)) return '';
  return typeof query.key === 'string' ? query.key : '';
}

/** Session and token that an `upload_url` holds, whoever made it: the token decides. */
function placeOf(uploadUrl: string): { sessionId: string; token: string } | null {
  const url = URL.parse(uploadUrl, 'http://relative.invalid');
  const sessionId = parseUuid(url?.pathname.split('/').at(-1) ?? '');
  const token = url?.searchParams.get('token');
  return sessionId !== null && token ? { sessionId, token } : null;
}
