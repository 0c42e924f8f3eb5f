import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Outcome } from '../../core/errors.ts';
import type { Session } from '../../core/session.ts';
import { parseUuid } from '../../core/session-id.ts';
import type { Eventual } from '../eventual.ts';
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

const CreateBody = Type.Object({
  metadata: Type.Object({ upload_url: Type.String({ maxLength: 4096 }) }),
});
const Upload = Type.Object({ upload_id: Type.String() });
const Part = Type.Object({
  upload_id: Type.String(),
  part_number: Type.String({ pattern: '^[1-9][0-9]{0,4}$' }),
});
const Key = Type.Object({ key: Type.String({ maxLength: 512 }) });
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

  app.post(ROOT, { schema: { ...hidden, body: CreateBody } }, async (request, reply) => {
    const place = placeOf(request.body.metadata.upload_url);
    const outcome = place ? await authorizeUpload(request, place.sessionId, place.token) : NO_URL;
    if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
    const ready = await directUploads.arrived(outcome.value);
    if (!ready.ok) return sendRefusal(reply, ready.refusal);
    return { key: place?.token, uploadId: outcome.value.sessionId, bucket: '' };
  });

  app.get(
    `${ROOT}/:upload_id/:part_number`,
    { schema: { ...hidden, params: Part, querystring: Key } },
    async (request, reply) => {
      const session = await sessionOf(request, request.params.upload_id, request.query.key);
      if (!session.ok) return sendRefusal(reply, session.refusal);
      const signed = await directUploads.sign(session.value, [Number(request.params.part_number)]);
      if (!signed.ok) return sendRefusal(reply, signed.refusal);
      reply.header('cache-control', 'no-store');
      return { url: signed.value[0]?.url };
    },
  );

  app.get(
    `${ROOT}/:upload_id`,
    { schema: { ...hidden, params: Upload, querystring: Key } },
    async (request, reply) => {
      const session = await sessionOf(request, request.params.upload_id, request.query.key);
      const arrived = session.ok ? await directUploads.arrived(session.value) : session;
      if (!arrived.ok) return sendRefusal(reply, arrived.refusal);
      reply.header('cache-control', 'no-store');
      return arrived.value.map(({ partNumber, bytes, etag }) => ({
        PartNumber: partNumber,
        Size: bytes,
        ETag: etag,
      }));
    },
  );

  app.post(
    `${ROOT}/:upload_id/complete`,
    { schema: { ...hidden, params: Upload, querystring: Key, body: CompleteBody } },
    async (request, reply) => {
      const session = await sessionOf(request, request.params.upload_id, request.query.key);
      if (!session.ok) return sendRefusal(reply, session.refusal);
      const parts = request.body.parts.map(({ PartNumber, ETag }) => ({
        partNumber: PartNumber,
        etag: ETag,
      }));
      const outcome = await directUploads.complete(session.value, parts);
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      const location = `${urls(request).tusEndpoint}/${outcome.value.sessionId}`;
      return { location, key: outcome.value.sessionId, bucket: '' };
    },
  );

  app.delete(
    `${ROOT}/:upload_id`,
    { schema: { ...hidden, params: Upload, querystring: Key } },
    async (request, reply) => {
      const session = await sessionOf(request, request.params.upload_id, request.query.key);
      const outcome = session.ok ? await cancel(session.value) : session;
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      return {};
    },
  );
  done();

  function sessionOf(request: FastifyRequest, uploadId: string, token: string): Eventual<Outcome<Session>> {
    const sessionId = parseUuid(uploadId);
    return sessionId === null ? NO_URL : authorizeUpload(request, sessionId, token);
  }
};

const NO_URL: Outcome<never> = {
  ok: false,
  refusal: invalidRequestRefusal([
    { path: '/metadata/upload_url', message: 'must be the upload_url that initiate returned' },
  ]),
};

/** Session and token that an `upload_url` holds, whoever made it: the token decides. */
function placeOf(uploadUrl: string): { sessionId: string; token: string } | null {
  const url = URL.parse(uploadUrl, 'http://relative.invalid');
  const sessionId = parseUuid(url?.pathname.split('/').at(-1) ?? '');
  const token = url?.searchParams.get('token');
  return sessionId !== null && token ? { sessionId, token } : null;
}
