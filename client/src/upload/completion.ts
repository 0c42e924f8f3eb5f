import type { HttpStack } from 'tus-js-client';
import type { Service } from '../api/service.ts';
import type { SessionStatus } from '../api/types.ts';
import { SluiceApiError } from '../errors.ts';
import { sleep } from '../retry.ts';
import { lengthOf } from './resumable.ts';
import { errorFromResponse } from './tus-transfer.ts';

/** First and longest pause between two questions, in milliseconds. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

export interface CompletionTask {
  readonly uploadUrl: string;
  /** The file's own digest where it is known: the service's must be the same. */
  readonly digest: string | null;
  readonly onStatus: (status: SessionStatus) => void;
  readonly signal: AbortSignal;
}

/**
 * Waits until the service says that the file is whole, verified and counted. Only then is an upload done: that
 * all bytes were sent, or even acknowledged, proves nothing yet.
 *
 * Throws the error that the session ended with, and `OFFSET_MISMATCH` where bytes are missing after all.
 */
export function createCompletionWait(service: Service, httpStack: HttpStack) {
  return async (task: CompletionTask): Promise<SessionStatus> => {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const status = await service.statusOf(task.uploadUrl, task.signal);
      task.onStatus(status);
      if (status.status === 'completed') return verified(status, task.digest);
      if (status.status !== 'active') throw endingOf(status);
      const length = lengthOf(status);
      if (length === null || status.upload_offset < length) {
        throw new SluiceApiError('OFFSET_MISMATCH', 'Some bytes have not arrived yet.');
      }
      await sleep(pause, task.signal);
      // The service may have stopped between the last byte and the verification: asking again makes it go on.
      await appendNothing(httpStack, task.uploadUrl, length);
    }
  };
}

function verified(status: SessionStatus, digest: string | null): SessionStatus {
  if (digest !== null && status.sha256 !== null && status.sha256 !== digest) {
    throw new SluiceApiError('DIGEST_MISMATCH', 'What the service stored is not this file: upload it again.');
  }
  return status;
}

/** Why a session that has ended without a file did so. */
export function endingOf(status: SessionStatus): SluiceApiError {
  if (status.failure) return new SluiceApiError(status.failure.error_code, status.failure.error_message);
  if (status.status === 'cancelled') {
    return new SluiceApiError(
      'UPLOAD_CANCELLED',
      'The upload was cancelled: start it again if that was a mistake.',
    );
  }
  return new SluiceApiError('SESSION_EXPIRED', 'The upload session has expired: start the upload again.');
}

async function appendNothing(httpStack: HttpStack, uploadUrl: string, offset: number): Promise<void> {
  const request = httpStack.createRequest('PATCH', uploadUrl);
  request.setHeader('Tus-Resumable', '1.0.0');
  request.setHeader('Upload-Offset', String(offset));
  request.setHeader('Content-Type', 'application/offset+octet-stream');
  const response = await request.send(null);
  // Refusals of a session that has just ended are told better by its status.
  if (response.getStatus() >= 500) throw errorFromResponse(response);
}
