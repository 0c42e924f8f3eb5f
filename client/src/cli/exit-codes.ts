import type { SluiceApiError } from '../errors.ts';

/** What `sluice-upload` exits with; the same table stands in its help and in the README. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notAllowed: 3,
  quota: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

export const EXIT_TABLE: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.done, 'every file is uploaded and verified'],
  [EXIT.failed, 'a file was refused or failed for another reason'],
  [EXIT.usage, 'wrong usage, or a file that cannot be read; nothing was sent'],
  [EXIT.notAllowed, 'not signed in, or not allowed'],
  [EXIT.quota, 'the files do not fit into the quota; nothing was sent'],
  [EXIT.unreachable, 'the service could not be reached'],
  [EXIT.interrupted, 'interrupted (Ctrl-C); the same command goes on'],
];

export function exitCodeOf(error: SluiceApiError): number {
  switch (error.code) {
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
    case 'UNAUTHORIZED_ACCESS':
    case 'CROSS_SITE_REQUEST':
      return EXIT.notAllowed;
    case 'QUOTA_EXCEEDED':
    case 'SESSION_LIMIT_EXCEEDED':
      return EXIT.quota;
    case 'NETWORK_ERROR':
    case 'UNEXPECTED_RESPONSE':
      return EXIT.unreachable;
    default:
      return EXIT.failed;
  }
}
