import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccountBook } from '../../src/core/account-book.ts';

test('a cold account that hundreds of calls meet at once is read from the ledger once', async () => {
  let reads = 0;
  let loaded = false;
  const account = { userId: 'a', limitBytes: 1, usedBytes: 0, periodStart: 0, periodEnd: 1, version: 1 };
  const book = createAccountBook({
    store: {
      read: async () => ({ kind: 'need_account', sealed: [] }),
      async load() {
        loaded = true;
        return { kind: 'loaded' };
      },
      liveSessions: async () => [],
    },
    ledger: {
      async account() {
        reads += 1;
        return { account, settled: [] };
      },
      settle: () => assert.fail(),
      voidSession: () => assert.fail(),
      decision: () => assert.fail(),
      setLimit: () => assert.fail(),
      resetPeriod: () => assert.fail(),
      record: () => assert.fail(),
    },
  });
  const attempt = async () => ({
    kind: loaded ? ('admitted' as const) : ('need_account' as const),
    sealed: [],
  });
  const calls = Array.from({ length: 300 }, () => book.withAccount('a', attempt));
  assert((await Promise.all(calls)).every(({ kind }) => kind === 'admitted'));
  assert.equal(reads, 1);
});
