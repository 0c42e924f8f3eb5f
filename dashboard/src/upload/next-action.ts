import type { UploadSnapshot } from '@sluice/client';

export type NextAction = 'retry' | 'restart' | 'take_over' | 'choose';

/** What the user can do about it, by the problem's `error_code`. Everything else may simply be tried again. */
const ACTIONS: Readonly<Record<string, NextAction | null>> = {
  SESSION_EXPIRED: 'restart',
  SESSION_NOT_FOUND: 'restart',
  UPLOAD_CANCELLED: 'restart',
  UPLOAD_IN_USE: 'take_over',
  UNSUPPORTED_FORMAT: 'choose',
  FILE_TOO_LARGE: 'choose',
  FILE_UNREADABLE: 'choose',
  WRONG_FILE: 'choose',
  INFECTED: 'choose',
  PERMISSION_DENIED: null,
};

export function nextAction({ error, state }: UploadSnapshot): NextAction | null {
  if (state === 'expired' || state === 'cancelled') return 'restart';
  if (error === null) return null;
  return error.code in ACTIONS ? (ACTIONS[error.code] ?? null) : 'retry';
}
