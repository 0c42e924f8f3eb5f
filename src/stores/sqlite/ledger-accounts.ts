import { type Account, periodAt } from '../../core/quota.ts';
import { integer, integerOrNull, type Row } from '../sql/columns.ts';
import type { Database } from './database.ts';

const FIRST_VERSION = 1;

interface Deps {
  readonly db: Database;
  /** Limit of users for whom no administrator has set one. */
  readonly defaultLimitBytes: number;
  readonly periodMs: number;
}

/**
 * Rows of `accounts`, for use inside a write transaction.
 *
 * Periods are counted from the start of the stored one, which lies on the grid of the account's first use
 * for as long as nobody resets it. So another period length in the configuration, or a clock that steps
 * back, can never reopen a period that is over.
 */
export function createLedgerAccounts({ db, defaultLimitBytes, periodMs }: Deps) {
  const select = db.prepare(
    'SELECT limit_bytes, period_start, used_bytes, version FROM accounts WHERE user_id = ?',
  );
  const insert = db.prepare(
    'INSERT INTO accounts (user_id, limit_bytes, period_start, used_bytes, version) VALUES (?, NULL, ?, 0, ?)',
  );
  const update = db.prepare(
    'UPDATE accounts SET period_start = ?, used_bytes = ?, version = ? WHERE user_id = ?',
  );
  const updateLimit = db.prepare(
    'UPDATE accounts SET limit_bytes = ?, version = version + 1 WHERE user_id = ?',
  );

  function toAccount(userId: string, row: Row): Account {
    const periodStart = integer(row, 'period_start');
    return {
      userId,
      limitBytes: integerOrNull(row, 'limit_bytes') ?? defaultLimitBytes,
      usedBytes: integer(row, 'used_bytes'),
      periodStart,
      periodEnd: periodStart + periodMs,
      version: integer(row, 'version'),
    };
  }

  function stored(userId: string): Account | null {
    const row = select.get(userId);
    return row ? toAccount(userId, row) : null;
  }

  function open(userId: string, now: number): Account {
    insert.run(userId, now, FIRST_VERSION);
    return {
      userId,
      limitBytes: defaultLimitBytes,
      usedBytes: 0,
      periodStart: now,
      periodEnd: now + periodMs,
      version: FIRST_VERSION,
    };
  }

  function begin(account: Account, periodStart: number): Account {
    update.run(periodStart, 0, account.version + 1, account.userId);
    return {
      ...account,
      periodStart,
      periodEnd: periodStart + periodMs,
      usedBytes: 0,
      version: account.version + 1,
    };
  }

  return {
    /** The account in the period that `now` falls into; made, or rolled over, where needed. */
    current(userId: string, now: number): Account {
      const account = stored(userId) ?? open(userId, now);
      const { start } = periodAt(account.periodStart, periodMs, now);
      return start > account.periodStart ? begin(account, start) : account;
    },

    /** Add an upload's bytes to the current period. */
    count(account: Account, bytes: number): Account {
      const counted = { ...account, usedBytes: account.usedBytes + bytes, version: account.version + 1 };
      update.run(counted.periodStart, counted.usedBytes, counted.version, counted.userId);
      return counted;
    },

    setLimit(account: Account, limitBytes: number | null): Account {
      updateLimit.run(limitBytes, account.userId);
      return { ...account, limitBytes: limitBytes ?? defaultLimitBytes, version: account.version + 1 };
    },

    /**
     * A period that begins now with nothing used. Its start differs from every earlier one, even within the
     * same millisecond: uploads are told apart by the start of the period that counted them.
     */
    reset(account: Account, now: number): Account {
      return begin(account, Math.max(now, account.periodStart + 1));
    },
  };
}
