import type { Refusal } from '../core/errors.ts';
import type { BlobStore } from '../core/ports.ts';
import { type AppendResult, SHUTTING_DOWN, TAKEN_OVER } from '../engine/append.ts';
import type { DirectUploads } from '../engine/direct-uploads.ts';
import type { UploadEngine } from '../engine/engine.ts';
import type { Instruments } from './instruments.ts';

/** The same engine: what comes in, what goes on, what is broken off. */
export function observeEngine(
  engine: UploadEngine,
  instruments: Instruments,
  backend: BlobStore['backend'],
): UploadEngine {
  const received = instruments.counter('upload_bytes_received_total');
  const resumed = instruments.counter('upload_resume_total')();
  const aborted = instruments.counter('upload_aborted_total');

  return {
    ...engine,

    async append(request) {
      const begin = request.start === 'restart' ? 0 : request.start;
      const bytes = received(request.protocol ?? 'put', backend);
      let acknowledged = begin;
      let admitted = false;
      try {
        const result = await engine.append({
          ...request,
          onAdmitted() {
            admitted = true;
            if (begin > 0) resumed.add(1);
            request.onAdmitted?.();
          },
          onProgress(offset) {
            bytes.add(offset - acknowledged);
            acknowledged = offset;
            request.onProgress?.(offset);
          },
        });
        const reason = admitted ? abortionOf(result) : null;
        if (reason) aborted(reason).add(1);
        return result;
      } catch (fault) {
        if (admitted) aborted('fault').add(1);
        throw fault;
      }
    },
  };
}

/** Why the bytes of a request that was let in did not all come to be stored; null where they did. */
function abortionOf(result: AppendResult): string | null {
  switch (result.kind) {
    case 'cut':
      return result.by;
    case 'refused':
      return refusalReason(result.refusal);
    case 'stored':
    case 'completed':
    case 'completed_before':
    case 'offset_mismatch':
    case 'length_conflict':
      return null;
  }
}

/** All bytes had come; it is the whole that is wrong. */
const REFUSED_AS_A_WHOLE: ReadonlySet<string> = new Set(['CHECKSUM_MISMATCH', 'DIGEST_MISMATCH', 'INFECTED']);

function refusalReason(refusal: Refusal): string | null {
  if (REFUSED_AS_A_WHOLE.has(refusal.code)) return null;
  if (refusal === TAKEN_OVER) return 'taken_over';
  if (refusal === SHUTTING_DOWN) return 'shutdown';
  return refusal.code === 'SESSION_EXPIRED' || refusal.code === 'SESSION_NOT_FOUND'
    ? 'session_ended'
    : 'refused';
}

/** The same direct uploads: their bytes never come through here, so they count when the upload is complete. */
export function observeDirectUploads(
  directUploads: DirectUploads,
  instruments: Instruments,
  backend: BlobStore['backend'],
): DirectUploads {
  const bytes = instruments.counter('upload_bytes_received_total')('direct', backend);
  return {
    ...directUploads,
    async complete(session, parts) {
      const outcome = await directUploads.complete(session, parts);
      if (outcome.ok && session.status !== 'completed' && outcome.value.status === 'completed') {
        bytes.add(outcome.value.uploadOffset);
      }
      return outcome;
    },
  };
}
