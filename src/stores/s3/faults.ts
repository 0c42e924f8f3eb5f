import { SluiceError } from '../../core/errors.ts';

/** Codes by which object stores say that there is no room; beside these there is HTTP status 507. */
const FULL = new Set([
  'EntityTooLarge',
  'InsufficientCapacity',
  'InsufficientStorage',
  'QuotaExceeded',
  'ServiceQuotaExceeded',
  'StorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'XMinioStorageFull',
]);

const RETRY_AFTER_SECONDS = 2;

/** What a failed call to S3 means to the rest of the service. Bucket, key and host stay in `cause`, for the log. */
export function storageFault(fault: unknown): SluiceError {
  if (fault instanceof SluiceError) return fault;
  if (FULL.has(codeOf(fault)) || statusOf(fault) === 507) {
    return new SluiceError('STORAGE_FULL', 'The storage is full. Resume the upload from its offset later.', {
      cause: fault,
    });
  }
  return new SluiceError('STORAGE_UNAVAILABLE', 'The storage does not answer. Try again in a moment.', {
    cause: fault,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/** The stored bytes are not what the service acknowledged: trying again does not help, but neither is it the client's fault. */
export function lostBytes(what: string): SluiceError {
  return new SluiceError(
    'STORAGE_UNAVAILABLE',
    'The stored bytes cannot be found. Try again in a moment, or start a new upload.',
    { cause: new Error(what), retryAfterSeconds: RETRY_AFTER_SECONDS, bytesAreLost: true },
  );
}

/**
 * Conflicts that pass by themselves, though the AWS SDK does not try again: S3's own, and that of servers over a
 * file system, where one call makes the folder that another has just removed because it was empty.
 */
export function isPassing(fault: unknown): boolean {
  return ['OperationAborted', 'ExistingObjectIsDirectory'].includes(codeOf(fault));
}

/** The storage says nothing at all, to nobody. */
export function silence(): Error {
  return Object.assign(new Error('S3 did not answer in time'), { name: SILENCE });
}

const SILENCE = 'S3Silence';

export function isSilence(fault: unknown): boolean {
  return codeOf(fault) === SILENCE;
}

/** The multipart upload was completed, aborted, or never there. */
export function isNoSuchUpload(fault: unknown): boolean {
  return codeOf(fault) === 'NoSuchUpload';
}

/** Parts that S3 does not have, or not as they are named. */
export function isWrongParts(fault: unknown): boolean {
  return ['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall'].includes(codeOf(fault));
}

/** There is no such object. HEAD has no body, so its answer is known by its status alone. */
export function isNoSuchObject(fault: unknown): boolean {
  const code = codeOf(fault);
  return code === 'NoSuchKey' || code === 'NotFound' || (statusOf(fault) === 404 && code !== 'NoSuchBucket');
}

/** The SDK's errors carry S3's code as their name. Reads through our own wrapping. */
function codeOf(fault: unknown): string {
  if (fault instanceof SluiceError) return codeOf(fault.cause);
  return fault instanceof Error ? fault.name : '';
}

/** HTTP status of S3's answer; null where there was none. */
export function statusOf(fault: unknown): number | null {
  if (fault instanceof SluiceError) return statusOf(fault.cause);
  if (!(fault instanceof Error) || !('$metadata' in fault)) return null;
  const metadata: unknown = fault.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null;
}
