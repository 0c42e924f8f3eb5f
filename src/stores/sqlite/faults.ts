import { SluiceError } from '../../core/errors.ts';

/**
 * Primary result codes (https://www.sqlite.org/rescode.html) that mean "the file is away, locked, damaged or
 * cannot grow". Everything else (constraint, misuse, SQL error) is a fault of this program and is thrown as it is.
 */
const BUSY = 5;
const UNAVAILABLE = new Map([
  [BUSY, 'BUSY'],
  [6, 'LOCKED'],
  [7, 'NOMEM'],
  [8, 'READONLY'],
  [10, 'IOERR'],
  [11, 'CORRUPT'],
  [13, 'FULL'],
  [14, 'CANTOPEN'],
  [15, 'PROTOCOL'],
  [26, 'NOTADB'],
]);

function primaryCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY;
}

/**
 * The contract has one code for records on this machine that cannot be read or written, whichever of the two
 * files it is: `LEDGER_UNAVAILABLE` (503). `STORAGE_FULL` (507) speaks of the upload's bytes, and
 * `REDIS_CONNECTION_ERROR` of a Redis that the embedded profile does not have.
 */
export function translateFault(error: unknown): unknown {
  const code = primaryCode(error);
  const away = code !== null ? UNAVAILABLE.has(code) : isClosed(error);
  return away ? recordsAway(error) : error;
}

export function recordsAway(cause: unknown): SluiceError {
  return new SluiceError(
    'LEDGER_UNAVAILABLE',
    'The service cannot reach its records right now. Try again in a few seconds.',
    { cause, retryAfterSeconds: 1 },
  );
}

/** `node:sqlite` says so when the database was closed, as it is while the service shuts down. */
function isClosed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE';
}
