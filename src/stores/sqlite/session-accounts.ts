import type { Accounts, NeedAccount, SettledBytes } from '../../core/ports.ts';
import type { Account } from '../../core/quota.ts';
import { snapshot } from './cached-accounts.ts';
import { asSeen, toSessionRow } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

/** `Accounts`: the ledger's accounts next to the reservations. */
export function createSessionAccounts(tables: SessionTables): Accounts {
  const { db, clock, reservations, accounts } = tables;
  const selectLive = db.prepare(
    `SELECT * FROM sessions WHERE user_id = ? AND reserved_until > ? AND status = 'active'
     ORDER BY created_at DESC, session_id DESC`,
  );

  function load(
    account: Account,
    asked: readonly string[],
    settled: readonly SettledBytes[],
  ): { readonly kind: 'loaded' } | NeedAccount {
    const { userId } = account;
    const sealed = reservations.sealedOf(userId);
    const now = clock.now();
    const askedAll = sealed.every((id) => asked.includes(id));
    if (!askedAll || account.version < accounts.seenVersion(userId, now))
      return { kind: 'need_account', sealed };
    // Counted by the ledger already, but reserved here until their `finish` adds them.
    const toCome = settled.filter((one) => sealed.includes(one.sessionId));
    const usedBytes = toCome.reduce((used, one) => used - one.bytes, account.usedBytes);
    accounts.put(account, usedBytes, now);
    return { kind: 'loaded' };
  }

  return {
    read: (userId) =>
      db.read(() => {
        const now = clock.now();
        const account = accounts.current(userId, now);
        const sealed = reservations.sealedOf(userId);
        if (!account) return { kind: 'need_account', sealed };
        return { kind: 'known', quota: snapshot(account, reservations.of(userId, now)), sealed };
      }),
    load: (account, asked, settled) => db.write(() => load(account, asked, settled)),
    liveSessions: (userId) =>
      db.read(() => {
        const now = clock.now();
        return selectLive.all(userId, now).map((row) => asSeen(toSessionRow(row), now));
      }),
  };
}
