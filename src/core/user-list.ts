import { accepted, type Outcome, refused } from './errors.ts';
import type { AccountDirectory, ListedAccount, SessionDirectory, UserOrder, UserPlace } from './ports.ts';
import { type QuotaReport, quotaReport } from './quota.ts';
import { parseUuid } from './session-id.ts';

/** A user with his quota, as lists and exports show him. */
export interface ListedUser extends QuotaReport {
  readonly user_id: string;
  /** `own`: an administrator has set the limit; else it is the configured default. */
  readonly limit_source: 'own' | 'default';
}

export interface UserListQuery {
  readonly order: UserOrder;
  readonly descending: boolean;
  readonly limit: number;
  /** `next` of the page before. */
  readonly after: string | null;
}

export interface UserPage {
  readonly users: readonly ListedUser[];
  /** Cursor of the next page; null on the last one. */
  readonly next: string | null;
}

export interface UserList {
  page(query: UserListQuery): Promise<Outcome<UserPage>>;
  /** Everybody, page by page in the order of user ids, for exports. */
  everybody(): AsyncGenerator<readonly ListedUser[]>;
}

/** Users that an export asks for at once: its memory, however many there are. */
const EXPORT_PAGE = 500;

export function createUserList(deps: {
  readonly ledger: AccountDirectory;
  readonly store: SessionDirectory;
  readonly maxActiveSessions: number;
}): UserList {
  const { ledger, store, maxActiveSessions } = deps;

  async function withHoldings(accounts: readonly ListedAccount[]): Promise<ListedUser[]> {
    const held = await store.holdings(accounts.map(({ userId }) => userId));
    return accounts.map((account, at) => {
      const { reservedBytes = 0, activeSessions = 0 } = held[at] ?? {};
      const { limitBytes, usedBytes, periodEnd: resetAt } = account;
      const quota = { limitBytes, usedBytes, reservedBytes, activeSessions, resetAt };
      return {
        user_id: account.userId,
        limit_source: account.hasOwnLimit ? 'own' : 'default',
        ...quotaReport(quota, maxActiveSessions),
      };
    });
  }

  return {
    async page({ after, limit, ...query }) {
      const place = after === null ? null : placeOf(after);
      if (after !== null && place === null) return refused('INVALID_REQUEST', NO_CURSOR);
      // One more than is shown: whether there is a next page.
      const found = await ledger.accounts({ ...query, limit: limit + 1, after: place });
      const shown = found.slice(0, limit);
      const last = shown.at(-1);
      return accepted({
        users: await withHoldings(shown),
        next: last && found.length > limit ? cursorOf(last) : null,
      });
    },

    async *everybody() {
      let after: UserPlace | null = null;
      for (;;) {
        const page: readonly ListedAccount[] = await ledger.accounts({
          order: 'user',
          descending: false,
          limit: EXPORT_PAGE,
          after,
        });
        if (page.length > 0) yield await withHoldings(page);
        if (page.length < EXPORT_PAGE) return;
        after = page.at(-1) ?? null;
      }
    },
  };
}

const NO_CURSOR = 'The cursor is none that was given out. Begin without one.';

function cursorOf({ rank, userId }: UserPlace): string {
  return `${rank}_${userId}`;
}

/** Numbers are printed so that they read back as the same double. */
function placeOf(cursor: string): UserPlace | null {
  const [, number = '', user = ''] = /^(\d[\d.e+-]{0,30})_([\da-f-]{36})$/.exec(cursor) ?? [];
  const rank = Number(number);
  const userId = parseUuid(user);
  return userId === null || number === '' || !Number.isFinite(rank) ? null : { rank, userId };
}
