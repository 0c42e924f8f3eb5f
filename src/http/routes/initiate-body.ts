import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { accepted, type Outcome } from '../../core/errors.ts';
import type { SessionDraft } from '../../core/session.ts';
import { type BodyFault, invalidRequestRefusal } from '../invalid-request.ts';
import { memberAsSent } from '../json-body.ts';

/** What a client asks for with initiate, and how it becomes the draft of a session. */

/** Largest context, in bytes of JSON as sent. */
const MAX_CONTEXT_BYTES = 16_384;

const WORKFLOW_TYPES = [
  'single_upload',
  'batch_upload',
  'training_upload',
  'analysis_upload',
  'validation_upload',
] as const;

/** A member that may be left out or null, which mean the same. */
const Nullable = <T>(schema: object) => Type.Unsafe<T | null>(schema);

/** A name with line breaks or NUL is no name, and half a surrogate pair is no text. Null is none, and may be. */
export function isName(text: string | null): boolean {
  return text === null || (!/\p{Cc}/u.test(text) && text.isWellFormed());
}

export const NOT_A_NAME = 'must not have control characters';

export const InitiateBody = Type.Object({
  dashboard_context: Type.Object(
    {
      source_section: Type.Refine(
        Type.String({ pattern: '\\S', description: '1–64 characters, not counting blanks around them.' }),
        (text) => /^.{1,64}$/su.test(text.trim()),
        () => 'must have 1 to 64 characters that are not blank',
      ),
      workflow_type: Type.Enum(WORKFLOW_TYPES, {
        description: 'What the dashboard does with the file.',
      }),
      user_preferences: Type.Optional(
        Nullable<Record<string, unknown>>({ type: ['object', 'null'], description: 'Anything.' }),
      ),
      metadata: Type.Optional(
        Nullable<Record<string, unknown>>({ type: ['object', 'null'], description: 'Anything.' }),
      ),
    },
    { description: 'At most 16 KiB of JSON; it comes back exactly as sent.' },
  ),
  expected_file_size: Type.Optional(
    Nullable<number>({
      type: ['integer', 'null'],
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Bytes, at most max_file_size. Without it as much as possible is reserved.',
    }),
  ),
  file_format: Type.Optional(
    Nullable<string>({
      type: ['string', 'null'],
      maxLength: 64,
      description: 'One of allowed_formats, in any case.',
    }),
  ),
  filename: Type.Optional(
    Type.Refine(
      Nullable<string>({ type: ['string', 'null'], maxLength: 255, description: 'Shown, never a path.' }),
      isName,
      () => NOT_A_NAME,
    ),
  ),
  transfer: Type.Optional(
    Nullable<'direct'>({
      type: ['string', 'null'],
      enum: ['direct', null],
      description:
        '`direct`: the parts go to the object store, by URLs from `POST {upload_url}/parts`. Needs expected_file_size.',
    }),
  ),
  sha256: Type.Optional(
    Nullable<string>({
      type: ['string', 'null'],
      pattern: '^[0-9a-fA-F]{64}$',
      description: 'The finished file must have this digest.',
    }),
  ),
});

export const InitiateHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description: '1–255 visible ASCII characters. The same key and body give the same session back.',
    }),
  ),
});

/** The draft that a valid body stands for. The context is taken as it was written. */
export function readDraft(request: FastifyRequest, body: Static<typeof InitiateBody>): Outcome<SessionDraft> {
  const dashboardContext = memberAsSent(request, 'dashboard_context') ?? '';
  if (Buffer.byteLength(dashboardContext) > MAX_CONTEXT_BYTES) {
    const fault: BodyFault = {
      path: '/dashboard_context',
      message: `must be at most ${MAX_CONTEXT_BYTES} bytes of JSON`,
    };
    return { ok: false, refusal: invalidRequestRefusal([fault]) };
  }
  return accepted({
    dashboardContext,
    expectedFileSize: body.expected_file_size ?? null,
    fileFormat: body.file_format?.toLowerCase() ?? null,
    filename: body.filename ?? null,
    sha256: body.sha256?.toLowerCase() ?? null,
    uploadMetadata: null,
  });
}
