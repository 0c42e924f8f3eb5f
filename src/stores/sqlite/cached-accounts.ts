import type { Completion, Holdings } from '../../core/ports.ts';
import { type Account, DAY_MS, type QuotaSnapshot } from '../../core/quota.ts';
import { integer, integerOrNull, type Row } from '../sql/columns.ts';
import type { Database } from './database.ts';

/** The ledger's account as it was loaded last. */
interface CachedAccount {
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly periodStart: number;
  readonly periodEnd: number;
  readonly loadedAt: number;
  /** How often the file had been opened by then. */
  readonly loadedIn: number;
  /** The ledger is known to be further: load it again before admitting anything. */
  readonly stale: boolean;
}

/**
 * A period that is over by this clock may not be over yet by the ledger's. What the ledger has just said
 * is good for so many ms, or the two would disagree in circles.
 */
const TRUSTED_MS = 5_000;
/** No reading of the ledger is older than that when it is loaded: requests have a deadline of two seconds. */
const OLD_READINGS_MS = 60_000;
/** How often the file has been opened by now, by whomever. */
const OPENINGS = '(SELECT user_version FROM pragma_user_version)';

/**
 * Rows of `cached_accounts`, for use inside a transaction. What was loaded before we opened the file is loaded again, since
 * the default limit may have been configured anew. What came before is told by the number of openings, which each row keeps
 * of when it was written: a clock may step back.
 */
export function createCachedAccounts(db: Database, openedAt: number) {
  const select = db.prepare('SELECT * FROM cached_accounts WHERE user_id = ?');
  const upsert = db.prepare(
    `INSERT INTO cached_accounts
       (user_id, seen_version, seen_in, stale, limit_bytes, used_bytes, period_start, period_end, loaded_at, loaded_in, purge_at)
     VALUES (?1, ?2, ${OPENINGS}, 0, ?3, ?4, ?5, ?6, ?7, ${OPENINGS}, ?8)
     ON CONFLICT (user_id) DO UPDATE SET seen_version = ?2, seen_in = excluded.seen_in, stale = 0, limit_bytes = ?3,
       used_bytes = ?4, period_start = ?5, period_end = ?6, loaded_at = ?7, loaded_in = excluded.loaded_in, purge_at = ?8`,
  );
  const see = db.prepare(
    `INSERT INTO cached_accounts (user_id, seen_version, seen_in, stale, purge_at) VALUES (?1, ?2, ${OPENINGS}, 1, ?3)
     ON CONFLICT (user_id) DO UPDATE
       SET seen_version = max(seen_version, ?2), seen_in = excluded.seen_in, purge_at = max(purge_at, ?3)`,
  );
  const addUsed = db.prepare('UPDATE cached_accounts SET used_bytes = used_bytes + ? WHERE user_id = ?');
  const markStale = db.prepare('UPDATE cached_accounts SET stale = 1 WHERE user_id = ?');

  function get(userId: string): CachedAccount | null {
    const row = select.get(userId);
    return row && integerOrNull(row, 'limit_bytes') !== null ? toCachedAccount(row) : null;
  }

  return {
    get,

    /** The account if admission may decide on it; else it has to be loaded. */
    current(userId: string, now: number): CachedAccount | null {
      const account = get(userId);
      if (account === null || account.stale || account.loadedIn < db.opening) return null;
      return now < account.periodEnd || now < account.loadedAt + TRUSTED_MS ? account : null;
    },

    /**
     * Older accounts than this one are not to be loaded; 0 where any may be. What was seen before the start
     * counts for a minute more, in case another process still has an old reading in its hands, but not for
     * ever: the ledger may have been put back to a backup.
     */
    seenVersion(userId: string, now: number): number {
      const row = select.get(userId);
      if (!row) return 0;
      // A clock that stepped back would make a day of the minute.
      const isLate = Math.abs(now - openedAt) >= OLD_READINGS_MS;
      const outdated = integer(row, 'seen_in') < db.opening && isLate;
      return outdated ? 0 : integer(row, 'seen_version');
    },

    put(account: Account, usedBytes: number, now: number): void {
      const { userId, version, limitBytes, periodStart, periodEnd } = account;
      const purgeAt = Math.max(now, periodEnd) + DAY_MS;
      upsert.run(userId, version, limitBytes, usedBytes, periodStart, periodEnd, now, purgeAt);
    },

    /**
     * Follow a settlement. An account read from the ledger before it is too old from now on, whether the
     * settlement could be added here or not: see `Accounts.load`.
     */
    follow(userId: string, completion: Completion, now: number): void {
      const account = get(userId);
      see.run(userId, completion.accountVersion, now + DAY_MS);
      if (!account) return;
      if (completion.periodStart === account.periodStart) addUsed.run(completion.bytes, userId);
      if (completion.periodStart > account.periodStart) markStale.run(userId);
    },

    /** A settlement that cannot be turned into used bytes here: the ledger has to say how it stands. */
    doubt(userId: string, completion: Completion, now: number): void {
      see.run(userId, completion.accountVersion, now + DAY_MS);
      markStale.run(userId);
    },
  };
}

export function snapshot(account: CachedAccount, holdings: Holdings): QuotaSnapshot {
  return {
    limitBytes: account.limitBytes,
    usedBytes: account.usedBytes,
    reservedBytes: holdings.reservedBytes,
    activeSessions: holdings.activeSessions,
    resetAt: account.periodEnd,
  };
}

function toCachedAccount(row: Row): CachedAccount {
  return {
    limitBytes: integer(row, 'limit_bytes'),
    usedBytes: integer(row, 'used_bytes'),
    periodStart: integer(row, 'period_start'),
    periodEnd: integer(row, 'period_end'),
    loadedAt: integer(row, 'loaded_at'),
    loadedIn: integer(row, 'loaded_in'),
    stale: integer(row, 'stale') === 1,
  };
}
