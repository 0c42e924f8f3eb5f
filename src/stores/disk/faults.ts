import { SluiceError } from '../../core/errors.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The error's code as the operating system names it, or null. */
export function errnoOf(fault: unknown): string | null {
  return fault instanceof Error && 'code' in fault && typeof fault.code === 'string' ? fault.code : null;
}

/** What a failed file operation means to the rest of the service. The path stays in `cause`, for the log. */
export function storageFault(fault: unknown): SluiceError {
  if (fault instanceof SluiceError) return fault;
  if (FULL.has(errnoOf(fault) ?? '')) {
    return new SluiceError('STORAGE_FULL', 'The storage is full. Resume the upload from its offset later.', {
      cause: fault,
    });
  }
  return new SluiceError('STORAGE_UNAVAILABLE', 'The storage does not answer. Try again in a moment.', {
    cause: fault,
  });
}

/** Run file operations, their errors translated. */
export async function withStorageFaults<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (fault) {
    throw storageFault(fault);
  }
}

/** The result, or null where there is no such file. */
export async function ifPresent<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation;
  } catch (fault) {
    if (errnoOf(fault) === 'ENOENT') return null;
    throw fault;
  }
}
