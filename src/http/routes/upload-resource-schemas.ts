import { Type } from 'typebox';
import type { UploadMethod } from '../../protocols/exchange.ts';
import { problems, SessionStatus, Uuid } from '../schemas.ts';

/** What the OpenAPI document says about the upload resource. Bodies are bytes, so nothing else is checked. */

export const UploadParams = Type.Object({ session_id: Uuid('The session.') });

const tags = ['uploads'];
const security = [{ uploadToken: [] }, { bearer: [] }];

/** Refusals of every request that brings bytes, in whatever dialect. */
const TRANSFER_PROBLEMS = [400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 429, 460, 503, 507];

/** What an IETF client gets for the request that completes the upload; before that the body is empty. */
const COMPLETED = Type.Unsafe<object | null>({
  description: 'The session, where a request of the IETF draft completes the upload; else nothing.',
  anyOf: [{ type: 'null' }, { $ref: 'SessionStatus#' }],
});

const METHODS: Readonly<Record<UploadMethod, { summary: string; description?: string; response: object }>> = {
  HEAD: {
    summary: 'Ask how many bytes are stored',
    description: 'Never disturbs a running transfer. `Upload-Offset` and, where known, `Upload-Length`.',
    response: {
      200: Type.Null({ description: '`Upload-Offset` is how many bytes are stored.' }),
      204: Type.Null({ description: 'The same in the IETF draft.' }),
      ...problems(400, 401, 403, 404, 410, 412, 423, 503),
    },
  },
  GET: {
    summary: 'Read the status of the session',
    response: { 200: SessionStatus, ...problems(400, 401, 403, 404, 410, 412, 503) },
  },
  PUT: {
    summary: 'Send the whole file',
    description:
      'The body is the file, whatever its content type. It replaces partial bytes. Sending the same file again after completion gives the same answer. With `Upload-Complete` it is the first request of an upload as the IETF drafts it.',
    response: {
      201: SessionStatus,
      ...problems(...TRANSFER_PROBLEMS),
    },
  },
  PATCH: {
    summary: 'Send a part of the file',
    description:
      'In tus 1.0.0 (`Tus-Resumable`), or as the IETF drafts it (`Upload-Complete`). It goes to `Upload-Offset`; another offset than the true one is 409 and tells that.',
    response: {
      204: Type.Null({ description: 'Stored. `Upload-Offset` is where the next part begins.' }),
      201: COMPLETED,
      ...problems(...TRANSFER_PROBLEMS),
    },
  },
  POST: {
    summary: 'PATCH, DELETE or HEAD by `X-HTTP-Method-Override`, or the first bytes',
    description:
      'In tus 1.0.0 PATCH, DELETE or HEAD by `X-HTTP-Method-Override`. With `Upload-Complete`, as the IETF drafts it: the first bytes of the session.',
    response: {
      200: Type.Null({ description: 'What HEAD answers, where that is the override.' }),
      204: Type.Null({ description: 'What PATCH or DELETE answers, where that is the override.' }),
      201: COMPLETED,
      ...problems(...TRANSFER_PROBLEMS, 423),
    },
  },
  DELETE: {
    summary: 'Cancel the upload',
    description: 'Stops a running transfer, discards its bytes and gives the reservation back, once.',
    response: {
      204: Type.Null({ description: 'Cancelled.' }),
      ...problems(400, 401, 403, 404, 409, 410, 412, 503),
    },
  },
};

export function describeMethod(method: UploadMethod) {
  return { ...METHODS[method], tags, security, params: UploadParams };
}

export function describeCreation() {
  return {
    summary: 'Create an upload',
    description:
      'The same admission as initiate, and `Location` is the new upload. In tus 1.0.0 from `Upload-Length` and `Upload-Metadata`; as the IETF drafts it from `Upload-Complete`, `Upload-Length` and `Content-Disposition`. The body may bring the first bytes.',
    tags,
    security: [{ bearer: [] }],
    response: { 201: COMPLETED, ...problems(...TRANSFER_PROBLEMS) },
  };
}
