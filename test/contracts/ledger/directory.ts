import assert from 'node:assert/strict';
import type { AccountDirectory, UserOrder, UserPlace } from '../../../src/core/ports.ts';
import { type LedgerHarness, newSession, newUser, settlementOf } from './harness.ts';
import type { LedgerPromise } from './suite.ts';

/** `AccountDirectory`: the accounts of all users, page by page. */
export function ledgerDirectoryTests(promise: LedgerPromise): void {
  for (const order of ['user', 'used', 'usage', 'limit'] as const) {
    promise(
      `by ${order} every account is listed once, in order, however small the pages`,
      async (harness) => {
        const ledger = await usersOfAllKinds(harness);
        const whole = await ledger.accounts({ order, descending: false, limit: 100, after: null });
        assert.equal(whole.length, 9);
        const places = whole.map(({ rank, userId }) => ({ rank, userId }));
        assert.deepEqual(places, [...places].sort(byPlace));
        assert.deepEqual(await pagesOf(ledger, order, false), places);
        assert.deepEqual(await pagesOf(ledger, order, true), places.toReversed());
      },
    );
  }

  promise('a listed account is the one that is read alone, and says whose limit it has', async (harness) => {
    const ledger = await usersOfAllKinds(harness);
    const listed = await ledger.accounts({ order: 'used', descending: true, limit: 100, after: null });
    for (const { rank, hasOwnLimit, ...account } of listed) {
      assert.deepEqual(account, (await ledger.account(account.userId, [])).account);
      assert.equal(rank, account.usedBytes);
      assert.equal(hasOwnLimit, account.limitBytes !== harness.defaultLimitBytes);
    }
    const usages = await ledger.accounts({ order: 'usage', descending: true, limit: 3, after: null });
    assert.deepEqual(
      usages.map(({ rank }) => rank),
      [4, 2, 1],
      'more than all, and nothing of a limit of zero, which counts as full',
    );
  });

  promise(
    'an account whose period is over is listed with nothing used, and stays as it is',
    async (harness) => {
      const ledger = await harness.connect();
      const userId = newUser();
      await ledger.settle(settlementOf(newSession(), userId, 500));
      const { account: before } = await ledger.account(userId, []);
      await harness.advance(2 * harness.periodMs + 60_000);
      const query = { order: 'used', descending: true, limit: 10, after: null } as const;
      const [listed] = await ledger.accounts(query);
      assert.partialDeepStrictEqual(listed, {
        userId,
        usedBytes: 0,
        rank: 0,
        version: before.version,
        periodStart: before.periodStart + 2 * harness.periodMs,
        periodEnd: before.periodEnd + 2 * harness.periodMs,
      });
      assert.deepEqual(await ledger.accounts(query), [listed]);
    },
  );

  promise('limits are told as they were set; who has no account gets none by it', async (harness) => {
    const ledger = await harness.connect();
    const [set, plain, stranger] = [newUser(), newUser(), newUser()];
    await ledger.setLimit(set, 0);
    await ledger.account(plain, []);
    const limits = await ledger.ownLimits([set, plain, stranger]);
    assert.deepEqual(
      limits,
      new Map([
        [set, 0],
        [plain, null],
      ]),
    );
    assert.deepEqual(await ledger.ownLimits([]), new Map());
    assert.equal((await ledger.accounts(ALL)).length, 2);
  });

  promise('a limit that is taken away is the default again', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const { version } = await ledger.setLimit(userId, 5);
    const account = await ledger.setLimit(userId, null);
    assert.equal(account.limitBytes, harness.defaultLimitBytes);
    assert.ok(account.version > version);
    assert.deepEqual((await ledger.account(userId, [])).account, account);
    assert.deepEqual(await ledger.ownLimits([userId]), new Map([[userId, null]]));
  });
}

const ALL = { order: 'user', descending: false, limit: 1000, after: null } as const;

/** Nine users: of the same use, of the same limit, without any use, over their limit. */
async function usersOfAllKinds(harness: LedgerHarness): Promise<AccountDirectory & LedgerOf> {
  const ledger = await harness.connect();
  const kinds = [
    { used: 0 },
    { used: 0 },
    { used: 70 },
    { used: 70 },
    { used: 400, limit: 100 },
    { used: 300, limit: 900 },
    { used: 200, limit: 100 },
    { used: 0, limit: 0 },
    { used: 1, limit: Number.MAX_SAFE_INTEGER },
  ];
  for (const { used, limit } of kinds) {
    const userId = newUser();
    await ledger.account(userId, []);
    if (used > 0) await ledger.settle(settlementOf(newSession(), userId, used));
    if (limit !== undefined) await ledger.setLimit(userId, limit);
  }
  return ledger;
}

type LedgerOf = Awaited<ReturnType<LedgerHarness['connect']>>;

async function pagesOf(
  ledger: AccountDirectory,
  order: UserOrder,
  descending: boolean,
): Promise<UserPlace[]> {
  const places: UserPlace[] = [];
  for (;;) {
    const page = await ledger.accounts({ order, descending, limit: 2, after: places.at(-1) ?? null });
    places.push(...page.map(({ rank, userId }) => ({ rank, userId })));
    if (page.length < 2) return places;
  }
}

function byPlace(a: UserPlace, b: UserPlace): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  return a.userId < b.userId ? -1 : 1;
}
