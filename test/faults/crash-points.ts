/** Where the service is killed, in the order in which an upload passes them. */
export const CRASH_POINTS = [
  'after admit',
  'mid-append',
  'between fsync and ledger',
  'between ledger and finish',
  'between finish and answer',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];
