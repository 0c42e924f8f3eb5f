import postgres from 'postgres';
import { SluiceError } from '../../core/errors.ts';

/**
 * Classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) that mean this program
 * is wrong: data exception, constraint, syntax or a name that does not exist. All others (a lock, a timeout,
 * no connection left, a full disk, a server that starts, stops or only reads) pass, or an operator ends them.
 */
const FAULTS_OF_THIS_PROGRAM = ['22', '23', '42'];
/** Insufficient privilege is of class 42, and of the operator's making. */
const INSUFFICIENT_PRIVILEGE = '42501';

export function unavailable(cause: unknown): SluiceError {
  return new SluiceError(
    'LEDGER_UNAVAILABLE',
    'The service cannot reach its records right now. Try again in a few seconds.',
    { cause, retryAfterSeconds: 1 },
  );
}

/** What an operation throws, for what the client library threw. */
export function translateFault(error: unknown): unknown {
  if (isAnswer(error)) {
    const ours = FAULTS_OF_THIS_PROGRAM.includes(error.code.slice(0, 2));
    return ours && error.code !== INSUFFICIENT_PRIVILEGE ? error : unavailable(error);
  }
  return isConnectionFault(error) ? unavailable(error) : error;
}

/** The server said no: the connection is in step and can be used again, unless it said so in parting. */
export function keepsConnection(error: unknown): boolean {
  return isAnswer(error) && !['FATAL', 'PANIC'].includes(error.severity);
}

/** The connection broke, or was never made. Node's and the library's own errors for it carry a code. */
export function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error) || isAnswer(error)) return false;
  if (error instanceof SluiceError || error instanceof TypeError || error instanceof RangeError) return false;
  return 'code' in error && typeof error.code === 'string';
}

function isAnswer(error: unknown): error is postgres.PostgresError {
  return error instanceof postgres.PostgresError;
}
