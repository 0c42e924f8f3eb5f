import type { ListedAccount } from '../../core/ports.ts';
import { integer, integerOrNull, type Row, text } from './columns.ts';

/** A row of the list of accounts, which both databases select with the same columns. */
export function toListedAccount(
  row: Row,
  { defaultLimitBytes, periodMs }: { readonly defaultLimitBytes: number; readonly periodMs: number },
): ListedAccount {
  const periodStart = integer(row, 'period_start');
  const ownLimit = integerOrNull(row, 'limit_bytes');
  return {
    userId: text(row, 'user_id'),
    limitBytes: ownLimit ?? defaultLimitBytes,
    hasOwnLimit: ownLimit !== null,
    usedBytes: integer(row, 'used_bytes'),
    periodStart,
    periodEnd: periodStart + periodMs,
    version: integer(row, 'version'),
    rank: integer(row, 'rank'),
  };
}
