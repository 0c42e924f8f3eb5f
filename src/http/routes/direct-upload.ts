import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import type { DirectPlan, SignedPart } from '../../core/ports.ts';
import type { DirectUploads } from '../../engine/direct-uploads.ts';
import type { AuthorizeUpload } from '../auth/upload-access.ts';
import { sessionOf, uploadGuard } from '../auth/upload-guard.ts';
import { type BodyFault, invalidRequestRefusal } from '../invalid-request.ts';
import { sendRefusal } from '../problem.ts';
import { problems, SessionStatus, Uuid } from '../schemas.ts';
import { sendJson } from '../send-json.ts';
import { UPLOADS_PATH } from '../urls.ts';
import { sessionStatusJson, timestamp } from '../views.ts';
import type { RouteDeps } from './route-deps.ts';

/** Parts that one request may ask URLs for. */
const MOST_SIGNED_AT_ONCE = 1000;
/** Bytes of such a request: room for that many numbers, each on a line of its own. */
const MAX_SIGN_BYTES = 16_384;
/** S3: "Amazon S3 multipart upload limits". */
const MOST_PARTS = 10_000;

const PartNumber = Type.Integer({ minimum: 1, maximum: MOST_PARTS, description: 'From 1.' });
const Plan = {
  part_size: Type.Integer({ description: 'Bytes of every part but the last.' }),
  part_count: Type.Integer(),
};

const Params = Type.Object({ session_id: Uuid('The session.') });

const SignBody = Type.Object({
  // Not `uniqueItems`: TypeBox copies a list for each number that comes again, in arrays that are too long, too.
  part_numbers: Type.Refine(
    Type.Array(PartNumber, {
      minItems: 1,
      maxItems: MOST_SIGNED_AT_ONCE,
      description: `Numbers of the parts, from 1, each once; at most ${MOST_SIGNED_AT_ONCE} at once.`,
    }),
    (numbers) => new Set(numbers).size === numbers.length,
    () => 'must not have duplicate items',
  ),
});

const Signed = Type.Object(
  {
    ...Plan,
    parts: Type.Array(
      Type.Object({
        part_number: PartNumber,
        size: Type.Integer({ description: 'Exact length of the part: the URL takes no other.' }),
        url: Type.String({ description: 'PUT the bytes there. The answer has the `ETag`.' }),
        expires_at: Type.String({ format: 'date-time' }),
      }),
    ),
  },
  { title: 'SignedParts', description: 'A URL for each part.' },
);

const Arrived = Type.Object(
  {
    ...Plan,
    parts: Type.Array(Type.Object({ part_number: PartNumber, size: Type.Integer(), etag: Type.String() })),
  },
  { title: 'ArrivedParts', description: 'The parts that the object store has.' },
);

const CompleteBody = Type.Object({
  parts: Type.Array(
    Type.Object({
      part_number: PartNumber,
      etag: Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'What the object store answered to its PUT.',
      }),
    }),
    { minItems: 1, maxItems: MOST_PARTS, description: 'Every part of the file.' },
  ),
});

const documented = {
  tags: ['direct uploads'],
  security: [{ uploadToken: [] }, { bearer: [] }],
  params: Params,
};
const failures = [400, 401, 403, 404, 409, 410, 415, 503] as const;

export interface DirectUploadDeps extends Pick<RouteDeps, 'urls'> {
  readonly directUploads: Omit<DirectUploads, 'begin'>;
  readonly authorizeUpload: AuthorizeUpload;
}

/** Direct mode: the client sends parts to the object store, by URLs from here. */
export const directUploadRoutes: FastifyPluginCallbackTypebox<DirectUploadDeps> = (app, deps, done) => {
  const { directUploads, authorizeUpload, urls } = deps;
  app.addHook('onRequest', uploadGuard(authorizeUpload));

  app.post(
    `${UPLOADS_PATH}/:session_id/parts`,
    {
      bodyLimit: MAX_SIGN_BYTES,
      schema: {
        ...documented,
        operationId: 'signParts',
        summary: 'Get URLs for parts',
        description: 'Each URL takes one part, of one length, for some minutes.',
        body: SignBody,
        response: { 200: Signed, ...problems(...failures) },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request);
      const numbers = request.body.part_numbers;
      const plan = directUploads.plan(session);
      const faults = plan ? beyond(plan, numbers) : [];
      if (faults.length > 0) return sendRefusal(reply, invalidRequestRefusal(faults));
      const outcome = await directUploads.sign(session, numbers);
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      reply.header('cache-control', 'no-store');
      return { ...planView(plan), parts: outcome.value.map(signedView) };
    },
  );

  app.get(
    `${UPLOADS_PATH}/:session_id/parts`,
    {
      schema: {
        ...documented,
        operationId: 'listParts',
        summary: 'List the parts that have arrived',
        response: { 200: Arrived, ...problems(...failures) },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request);
      const outcome = await directUploads.arrived(session);
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      reply.header('cache-control', 'no-store');
      const parts = outcome.value.map(({ partNumber, bytes, etag }) => {
        return { part_number: partNumber, size: bytes, etag };
      });
      return { ...planView(directUploads.plan(session)), parts };
    },
  );

  app.post(
    `${UPLOADS_PATH}/:session_id/complete`,
    {
      schema: {
        ...documented,
        operationId: 'completeParts',
        summary: 'Complete a direct upload',
        description:
          'Verifies length, format and digest, then counts it. Repeating it gives the same answer.',
        body: CompleteBody,
        response: { 200: SessionStatus, ...problems(...failures, 413, 422, 507) },
      },
    },
    async (request, reply) => {
      const parts = request.body.parts.map((part) => ({ partNumber: part.part_number, etag: part.etag }));
      const outcome = await directUploads.complete(sessionOf(request), parts);
      if (!outcome.ok) return sendRefusal(reply, outcome.refusal);
      return sendJson(reply, sessionStatusJson(outcome.value, urls(request)));
    },
  );
  done();
};

function beyond({ partCount }: DirectPlan, numbers: readonly number[]): BodyFault[] {
  return numbers.flatMap((number, index) =>
    number > partCount ? [{ path: `/part_numbers/${index}`, message: `must be at most ${partCount}` }] : [],
  );
}

function planView(plan: DirectPlan | null): { part_size: number; part_count: number } {
  return { part_size: plan?.partBytes ?? 0, part_count: plan?.partCount ?? 0 };
}

function signedView(part: SignedPart): Static<typeof Signed>['parts'][number] {
  const { partNumber, bytes, url, expiresAt } = part;
  return { part_number: partNumber, size: bytes, url, expires_at: timestamp(expiresAt) };
}
