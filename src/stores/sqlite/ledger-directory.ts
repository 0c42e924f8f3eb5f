import type { AccountDirectory, Clock, UserOrder } from '../../core/ports.ts';
import { integerOrNull, type Row, text } from '../sql/columns.ts';
import { toListedAccount } from '../sql/listed-account.ts';
import type { Database } from './database.ts';

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly defaultLimitBytes: number;
  readonly periodMs: number;
}

/** Numbers are compared as REAL: exact for all sizes up to 2^53, and the same division as everywhere. */
const RANKS: Readonly<Record<UserOrder, string>> = {
  user: '0',
  used: 'CAST(used_bytes AS REAL)',
  limit: 'CAST(coalesce(limit_bytes, :default) AS REAL)',
  usage: `CASE coalesce(limit_bytes, :default) WHEN 0 THEN 1.0
    ELSE CAST(used_bytes AS REAL) / coalesce(limit_bytes, :default) END`,
};

/** Accounts in the period that `:now` falls into: see ledger-accounts.ts, which writes it down. */
const CURRENT = `SELECT user_id, limit_bytes, version,
    CASE WHEN :now - period_start >= :period THEN 0 ELSE used_bytes END AS used_bytes,
    period_start + max(0, CAST((:now - period_start) / :period AS INTEGER)) * :period AS period_start
  FROM accounts`;

export function createAccountDirectory({ db, clock, defaultLimitBytes, periodMs }: Deps): AccountDirectory {
  const listed = (row: Row) => toListedAccount(row, { defaultLimitBytes, periodMs });

  return {
    accounts: ({ order, descending, limit, after }) =>
      db.read(() => {
        const [direction, behind] = descending ? ['DESC', '<'] : ['ASC', '>'];
        const byUser = order === 'user';
        const from = byUser ? `user_id ${behind} :user` : `(rank, user_id) ${behind} (:rank, :user)`;
        const select = db.prepare(
          `SELECT * FROM (SELECT *, ${RANKS[order]} AS rank FROM (${CURRENT}))
           ${after ? `WHERE ${from}` : ''}
           ORDER BY ${byUser ? '' : `rank ${direction}, `}user_id ${direction} LIMIT :limit`,
        );
        select.setAllowUnknownNamedParameters(true);
        const place = { rank: after?.rank ?? 0, user: after?.userId ?? '' };
        const now = clock.now();
        return select.all({ ...place, now, limit, period: periodMs, default: defaultLimitBytes }).map(listed);
      }),

    ownLimits: (userIds) =>
      db.read(() => {
        const select = db.prepare(
          `SELECT user_id, limit_bytes FROM accounts WHERE user_id IN (SELECT value FROM json_each(?))`,
        );
        const rows = select.all(JSON.stringify(userIds));
        return new Map(rows.map((row) => [text(row, 'user_id'), integerOrNull(row, 'limit_bytes')]));
      }),
  };
}
