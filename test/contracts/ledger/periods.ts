import assert from 'node:assert/strict';
import { type LedgerHarness, newSession, newUser, settlementOf } from './harness.ts';
import type { LedgerPromise } from './suite.ts';

/** Far enough from the boundary for ledgers whose clock runs on by itself. */
const MARGIN_MS = 60_000;

export function ledgerPeriodTests(promise: LedgerPromise): void {
  promise(
    'a period lasts to its end, then the next begins where it ended, with nothing used',
    async (harness) => {
      const ledger = await harness.connect();
      const userId = newUser();
      await ledger.settle(settlementOf(newSession(), userId, 100));
      const { account: first } = await ledger.account(userId, []);

      await harness.advance(harness.periodMs - MARGIN_MS);
      assert.deepEqual((await ledger.account(userId, [])).account, first);

      await harness.advance(MARGIN_MS);
      const { account: second } = await ledger.account(userId, []);
      assert.equal(second.usedBytes, 0);
      assert.equal(second.periodEnd, second.periodStart + harness.periodMs);
      await assertPassed(harness, second.periodStart, 0);
      assert.equal(second.limitBytes, first.limitBytes);
    },
  );

  promise('a user who stays away comes back into the period he would have had anyway', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    await ledger.settle(settlementOf(newSession(), userId, 100));
    await harness.advance(3 * harness.periodMs + MARGIN_MS);
    const { account } = await ledger.account(userId, []);
    assert.equal(account.usedBytes, 0);
    await assertPassed(harness, account.periodStart, MARGIN_MS);
  });

  promise('many who find a period over at once begin the next one once', async (harness) => {
    const ledgers = await Promise.all(Array.from({ length: 6 }, () => harness.connect()));
    const userId = newUser();
    const [ledger] = ledgers;
    assert.ok(ledger);
    await ledger.settle(settlementOf(newSession(), userId, 100));
    const before = (await ledger.account(userId, [])).account;
    await harness.advance(harness.periodMs);
    await Promise.all(
      ledgers.flatMap((one) => [one.account(userId, []), one.settle(settlementOf(newSession(), userId, 10))]),
    );
    const { account } = await ledger.account(userId, []);
    assert.equal(account.usedBytes, ledgers.length * 10);
    assert.equal(account.version, before.version + 1 + ledgers.length, 'one roll-over, six settlements');
  });

  promise('an upload counts in the period in which it is settled', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const id = newSession();
    await ledger.account(userId, []);
    await harness.advance(harness.periodMs);
    const settled = await ledger.settle(settlementOf(id, userId, 30));
    const { account } = await ledger.account(userId, [id]);
    assert.ok(settled.kind === 'settled');
    assert.equal(settled.completion.periodStart, account.periodStart);
    assert.equal(account.usedBytes, 30);
  });

  promise('what an earlier period counted is neither counted again nor named', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const id = newSession();
    const first = await ledger.settle(settlementOf(id, userId, 30));
    await harness.advance(harness.periodMs);
    assert.deepEqual(await ledger.settle(settlementOf(id, userId, 30)), first);
    const { account, settled } = await ledger.account(userId, [id]);
    assert.equal(account.usedBytes, 0);
    assert.deepEqual(settled, []);
  });

  promise('a reset begins a whole period now, with nothing used, and keeps the limit', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const id = newSession();
    await ledger.setLimit(userId, 500);
    await harness.advance(MARGIN_MS);
    const before = await ledger.settle(settlementOf(id, userId, 30));
    const reset = await ledger.resetPeriod(userId);
    assert.equal(reset.usedBytes, 0);
    assert.equal(reset.limitBytes, 500);
    assert.equal(reset.periodEnd, reset.periodStart + harness.periodMs);
    await assertPassed(harness, reset.periodStart, 0, 1);

    const { account, settled } = await ledger.account(userId, [id]);
    assert.deepEqual(account, reset);
    assert.deepEqual(settled, [], 'what was counted before the reset is not in `usedBytes`');
    assert.deepEqual(await ledger.settle(settlementOf(id, userId, 30)), before);
  });

  promise('resets at the same moment still tell their periods apart', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const starts = [(await ledger.account(userId, [])).account.periodStart];
    for (let round = 0; round < 5; round += 1) {
      const id = newSession();
      const settled = await ledger.settle(settlementOf(id, userId, 30));
      const reset = await ledger.resetPeriod(userId);
      assert.ok(settled.kind === 'settled');
      assert.equal(settled.completion.periodStart, starts.at(-1));
      assert.deepEqual((await ledger.account(userId, [id])).settled, []);
      starts.push(reset.periodStart);
    }
    assert.equal(new Set(starts).size, starts.length);
  });

  promise('the periods after a reset follow from it', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    await ledger.account(userId, []);
    await harness.advance(harness.periodMs / 2);
    await ledger.resetPeriod(userId);
    await harness.advance(harness.periodMs - MARGIN_MS);
    await ledger.settle(settlementOf(newSession(), userId, 8));
    assert.equal((await ledger.account(userId, [])).account.usedBytes, 8);
    await harness.advance(2 * MARGIN_MS);
    const { account } = await ledger.account(userId, []);
    assert.equal(account.usedBytes, 0);
    await assertPassed(harness, account.periodStart, MARGIN_MS);
  });
}

/** `moment` was `ms` ago by the ledger's clock. */
async function assertPassed(harness: LedgerHarness, moment: number, ms: number, slackMs = 0): Promise<void> {
  const passed = (await harness.now()) - moment;
  assert.ok(Math.abs(passed - ms) <= harness.toleranceMs + slackMs, `${passed} ms have passed, not ${ms}`);
}
