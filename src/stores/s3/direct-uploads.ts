import { type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SluiceError } from '../../core/errors.ts';
import type { BlobRef, DirectBlobs, DirectPlan, Part } from '../../core/ports.ts';
import { isCompleted, untilThere } from './complete-upload.ts';
import { isNoSuchUpload, isWrongParts, lostBytes } from './faults.ts';
import type { Keys } from './keys.ts';
import type { Multipart } from './multipart.ts';
import type { Objects } from './objects.ts';
import { planParts } from './part-plan.ts';
import { formatState, parseState, type UploadState, uploadMark } from './upload-state.ts';

/** What clocks may differ by, and two requests that sign at the same time. */
const MARGIN_MS = 60_000;

/**
 * Direct mode: the client sends the parts to S3 itself. Each URL is bound by its signature to the key, the
 * upload, the number and, by a signed `Content-Length`, to the exact length of one part, so no more bytes than
 * were reserved can ever arrive.
 */
export function createDirectUploads(deps: {
  /** Signs for the address at which clients reach the bucket. */
  readonly signer: S3Client;
  readonly bucket: string;
  readonly multipart: Multipart;
  readonly objects: Objects;
  readonly keys: Keys;
  readonly smallestPartBytes: number;
}): DirectBlobs {
  const { signer, bucket, multipart, objects, keys, smallestPartBytes } = deps;

  async function signPart(state: UploadState, partNumber: number, bytes: number, expiresAt: number) {
    const command = new UploadPartCommand({
      Bucket: bucket,
      Key: state.key,
      UploadId: state.uploadId,
      PartNumber: partNumber,
      ContentLength: bytes,
    });
    const expiresIn = Math.max(1, Math.floor((expiresAt - Date.now()) / 1000));
    const signableHeaders = new Set(['content-length']);
    const url = await getSignedUrl(signer, command, { expiresIn, signableHeaders });
    return { partNumber, bytes, url, expiresAt };
  }

  return {
    plan(ref) {
      const found = ref.storage === null ? null : directState(ref.storage);
      return found && planOf(found);
    },

    async begin(sessionId, { length, epoch }) {
      const key = keys.file(sessionId, Date.now());
      let leftOvers = false;
      const uploadId = await multipart.create(key, uploadMark(sessionId, { born: epoch }), () => {
        leftOvers = true;
      });
      const plan = planParts(length, smallestPartBytes);
      const direct = { length, until: 0 };
      const nothing = { parts: 0, stored: 0, tail: null, leftOvers };
      return formatState({ key, uploadId, plan, born: epoch, ...nothing, direct });
    },

    async sign(ref, partNumbers, expiresAt) {
      const state = required(ref);
      const { direct } = state;
      const plan = planOf(state);
      const parts = await Promise.all(
        partNumbers.map((number) => signPart(state, number, bytesOfPart(plan, number), expiresAt)),
      );
      const until = Math.max(direct.until, expiresAt + MARGIN_MS);
      return { parts, storage: formatState({ ...state, direct: { ...direct, until } }) };
    },

    async arrived(ref) {
      const found = (await multipart.list(required(ref))) ?? [];
      return found.map(({ number, bytes, etag }) => ({ partNumber: number, bytes, etag }));
    },

    async complete(ref, named) {
      const state = required(ref);
      const { length } = state.direct;
      const plan = planOf(state);
      const parts = [...named]
        .sort((a, b) => a.partNumber - b.partNumber)
        .map(({ partNumber: number, etag }, index): Part => {
          return { index, number, bytes: bytesOfPart(plan, number), etag: quoted(etag) };
        });
      const finished = { ...state, parts: parts.length, stored: length };
      try {
        await multipart.complete(state, parts);
      } catch (fault) {
        // Somebody else may be completing it. Parts that are wrong are so whoever asks.
        if (!isWrongParts(fault)) await untilThere(objects, state.key);
        if (!(await isCompleted(objects, ref.sessionId, finished))) {
          if (isWrongParts(fault) || isNoSuchUpload(fault)) return { kind: 'wrong_parts' };
          throw fault;
        }
      }
      const object = await untilThere(objects, state.key);
      if (!object) throw lostBytes('the completed object is not there');
      if (object.bytes !== length) return { kind: 'wrong_length', bytes: object.bytes };
      return { kind: 'completed', progress: { offset: length, storage: formatState(finished), parts } };
    },
  };
}

type DirectState = UploadState & { readonly direct: NonNullable<UploadState['direct']> };

function directState(storage: string): DirectState | null {
  const state = parseState(storage);
  return state.direct ? { ...state, direct: state.direct } : null;
}

function required(ref: BlobRef): DirectState {
  const found = ref.storage === null ? null : directState(ref.storage);
  if (!found) throw new SluiceError('INTERNAL_ERROR', 'This upload is not sent directly to the storage.');
  return found;
}

function planOf({ plan, direct }: DirectState): DirectPlan {
  const { partBytes } = plan;
  return { length: direct.length, partBytes, partCount: Math.ceil(direct.length / partBytes) };
}

function bytesOfPart({ length, partBytes }: DirectPlan, partNumber: number): number {
  return Math.min(partBytes, length - (partNumber - 1) * partBytes);
}

/** Clients give ETags with and without their quotes (RFC 9110, section 8.8.3). */
function quoted(etag: string): string {
  return `"${etag.replace(/^(W\/)?"|"$/g, '')}"`;
}
