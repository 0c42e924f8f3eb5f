import { type DetailedError, type HttpResponse, type HttpStack, Upload } from 'tus-js-client';
import { errorFromAnswer } from '../api/problem.ts';
import { SluiceApiError, toApiError } from '../errors.ts';
import type { Transfer } from './transfer.ts';
import { createWatchdog } from './watchdog.ts';

/**
 * Sends over tus 1.0: HEAD for the offset, then one PATCH with the rest. Retries of tus-js-client are off: it
 * knows neither `Retry-After` nor that a session has ended, and with an endpoint it would begin anew.
 */
export function createTusTransfer(httpStack: HttpStack): Transfer {
  return (task) =>
    new Promise((resolve, reject) => {
      task.signal.throwIfAborted();
      const stop = (reason: unknown) => {
        void upload.abort();
        settle(() => reject(reason));
      };
      let settled = false;
      const settle = (how: () => void) => {
        settled = true;
        watchdog.stop();
        task.signal.removeEventListener('abort', onAbort);
        how();
      };
      const onAbort = () => stop(task.signal.reason);
      const watchdog = createWatchdog(task.stallTimeoutMs, stop);
      task.signal.addEventListener('abort', onAbort, { once: true });

      const upload = new Upload(task.file, {
        uploadUrl: task.uploadUrl,
        httpStack,
        fileReader: { openFile: (file: Blob) => Promise.resolve(sliced(file)) },
        fingerprint: () => Promise.resolve(''),
        storeFingerprintForResuming: false,
        retryDelays: null,
        onProgress: (bytes) => {
          if (settled) return;
          watchdog.pat();
          task.onProgress(bytes);
        },
        onSuccess: () => settle(resolve),
        onError: (error) => settle(() => reject(errorFromTus(error))),
      });
      upload.start();
    });
}

function sliced(file: Blob) {
  return {
    size: file.size,
    slice: (start: number, end: number) =>
      Promise.resolve({ value: file.slice(start, end), done: end >= file.size }),
    close: () => {},
  };
}

function errorFromTus(error: Error | DetailedError): SluiceApiError {
  if ('originalResponse' in error && error.originalResponse) {
    const refusal = errorFromResponse(error.originalResponse);
    return refusal.code === 'CONFLICT' ? takenOver(refusal) : refusal;
  }
  return toApiError('causingError' in error && error.causingError ? error.causingError : error);
}

/** The newest writer wins: to take the upload back at once would make two devices fight over it for ever. */
function takenOver(refusal: SluiceApiError): SluiceApiError {
  return new SluiceApiError('UPLOAD_IN_USE', 'This upload goes on elsewhere: retry to take it back.', {
    status: refusal.status,
    cause: refusal,
  });
}

export function errorFromResponse(response: HttpResponse): SluiceApiError {
  return errorFromAnswer({
    status: response.getStatus(),
    body: response.getBody(),
    header: (name) => response.getHeader(name) ?? null,
  });
}
