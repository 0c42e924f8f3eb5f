import type { AccountDirectory, UserOrder } from '../../core/ports.ts';
import { integerOrNull, type Row, text } from '../sql/columns.ts';
import { toListedAccount } from '../sql/listed-account.ts';
import type { Pool } from './pool.ts';

interface Deps {
  readonly pool: Pool;
  readonly defaultLimitBytes: number;
  readonly periodMs: number;
}

/** Numbers are compared as doubles: exact for all sizes up to 2^53, and the same division as everywhere. */
const RANKS: Readonly<Record<UserOrder, string>> = {
  user: '0::float8',
  used: 'used_bytes::float8',
  limit: 'coalesce(limit_bytes, $2::bigint)::float8',
  usage: `case coalesce(limit_bytes, $2::bigint) when 0 then 1::float8
    else used_bytes::float8 / coalesce(limit_bytes, $2::bigint)::float8 end`,
};

/** Accounts in the period that is current now: see current_account() in 0003-accounts.sql, which writes it down. */
const CURRENT = `select user_id, limit_bytes, version,
    case when moment.now - period_start >= $1::bigint then 0 else used_bytes end as used_bytes,
    period_start + greatest(0, (moment.now - period_start) / $1::bigint) * $1::bigint as period_start
  from accounts, moment`;

export function createAccountDirectory({ pool, defaultLimitBytes, periodMs }: Deps): AccountDirectory {
  const listed = (row: Row) => toListedAccount(row, { defaultLimitBytes, periodMs });

  return {
    accounts: ({ order, descending, limit, after }) =>
      pool.operation(async (query) => {
        const [direction, behind] = descending ? ['desc', '<'] : ['asc', '>'];
        const byUser = order === 'user';
        const from = byUser
          ? `user_id ${behind} $4::uuid`
          : `(rank, user_id) ${behind} ($5::float8, $4::uuid)`;
        const rows = await query(
          `with moment as materialized (select ledger_now() as now)
           select * from (select current.*, ${RANKS[order]} as rank, $2::bigint from (${CURRENT}) current) ranked
           ${after ? `where ${from}` : ''}
           order by ${byUser ? '' : `rank ${direction}, `}user_id ${direction} limit $3::bigint`,
          [
            periodMs,
            defaultLimitBytes,
            limit,
            ...(after ? [after.userId, ...(byUser ? [] : [after.rank])] : []),
          ],
        );
        return rows.map(listed);
      }),

    ownLimits: (userIds) =>
      pool.operation(async (query) => {
        const rows = await query(
          'select user_id, limit_bytes from accounts where user_id = any ($1::uuid[])',
          [`{${userIds.join(',')}}`],
        );
        return new Map(rows.map((row) => [text(row, 'user_id'), integerOrNull(row, 'limit_bytes')]));
      }),
  };
}
