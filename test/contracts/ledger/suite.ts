import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Completion, SettleResult } from '../../../src/core/ports.ts';
import { ledgerDirectoryTests } from './directory.ts';
import { type LedgerHarness, type MakeLedgerHarness, newSession, newUser, settlementOf } from './harness.ts';
import { ledgerModelTest } from './model.ts';
import { ledgerPeriodTests } from './periods.ts';

/** What every ledger promises, whatever is behind it. */
export function ledgerContract(name: string, makeHarness: MakeLedgerHarness): void {
  function promise(what: string, body: (harness: LedgerHarness) => Promise<void>): void {
    test(`${name} ledger: ${what}`, async () => {
      const harness = await makeHarness();
      try {
        await body(harness);
      } finally {
        await harness.dispose();
      }
    });
  }

  promise('an account is made at its first use, with the default limit and nothing used', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const { account, settled } = await ledger.account(userId, []);
    assert.equal(account.userId, userId);
    assert.equal(account.limitBytes, harness.defaultLimitBytes);
    assert.equal(account.usedBytes, 0);
    assert.equal(account.periodEnd, account.periodStart + harness.periodMs);
    assert.ok(Math.abs(account.periodStart - (await harness.now())) <= harness.toleranceMs);
    assert.deepEqual(settled, []);
    assert.deepEqual((await ledger.account(userId, [])).account, account, 'reading it changes nothing');
  });

  promise('the first use by many at once makes one account', async (harness) => {
    const ledgers = await connections(harness, 8);
    const userId = newUser();
    const seen = await Promise.all(ledgers.map((ledger) => ledger.account(userId, [])));
    for (const { account } of seen) assert.deepEqual(account, seen[0]?.account);
  });

  promise('a settlement counts its bytes once, and repeating it gives the same answer', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const settlement = settlementOf(newSession(), userId, 1_000);
    const first = await ledger.settle(settlement);
    const { account } = await ledger.account(userId, []);
    assert.deepEqual(await ledger.settle(settlement), first);
    assert.deepEqual((await ledger.account(userId, [])).account, account);
    assert.equal(account.usedBytes, 1_000);

    const completion = completionOf(first);
    assert.equal(completion.bytes, 1_000);
    assert.equal(completion.periodStart, account.periodStart);
    assert.equal(completion.accountVersion, account.version);
    assert.equal(completion.detectedFormat, 'mp4');
    assert.equal(completion.contentSha256, settlement.sha256);
    assert.ok(Math.abs(completion.completedAt - (await harness.now())) <= harness.toleranceMs);
  });

  promise('what was decided about a session can be asked, without deciding anything', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const [settled, voided] = [newSession(), newSession()];
    assert.equal(await ledger.decision(settled), null);
    const settlement = await ledger.settle(settlementOf(settled, userId, 1_000));
    await ledger.voidSession(voided, userId);
    assert.deepEqual(await ledger.decision(settled), settlement);
    assert.deepEqual(await ledger.decision(voided), { kind: 'voided' });
    assert.equal(await ledger.decision(newSession()), null);
  });

  promise('the same sessions settled by many connections at once are counted once each', async (harness) => {
    const ledgers = await connections(harness, 6);
    const userId = newUser();
    const sessions = Array.from({ length: 20 }, newSession);
    const answers = await Promise.all(
      sessions.flatMap((id) => ledgers.map((ledger) => ledger.settle(settlementOf(id, userId, 7)))),
    );
    const { account } = await ledgers[0].account(userId, []);
    assert.equal(account.usedBytes, sessions.length * 7);
    const versions = new Set(answers.map((answer) => completionOf(answer).accountVersion));
    assert.equal(versions.size, sessions.length, 'each session has one completion, told to all alike');
    assert.equal(Math.max(...versions), account.version);
  });

  promise('each settlement leaves exactly one event, with an id that does not change', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const sessions = [newSession(), newSession()];
    for (const id of [...sessions, ...sessions]) await ledger.settle(settlementOf(id, userId, 5));
    const events = await harness.outbox();
    assert.equal(events.length, 2);
    assert.equal(new Set(events.map((event) => event.id)).size, 2);
    for (const event of events) {
      assert.equal(event.kind, 'upload.completed');
      assert.ok(event.id.includes(String(event.payload.session_id)), 'the id is made from the session');
      assert.equal(event.payload.user_id, userId);
      assert.equal(event.payload.bytes, 5);
    }
  });

  promise('a voided session can never be settled: nothing is counted, nobody is told', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const id = newSession();
    const before = await ledger.account(userId, []);
    assert.deepEqual(await ledger.voidSession(id, userId), { kind: 'voided' });
    assert.deepEqual(await ledger.voidSession(id, userId), { kind: 'voided' }, 'idempotent');
    assert.deepEqual(await ledger.settle(settlementOf(id, userId, 9)), { kind: 'voided' });
    assert.deepEqual(await ledger.account(userId, [id]), before);
    assert.deepEqual(await harness.outbox(), []);
  });

  promise('a settled session cannot be voided: its completion comes back', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const id = newSession();
    const settled = await ledger.settle(settlementOf(id, userId, 9));
    assert.deepEqual(await ledger.voidSession(id, userId), settled);
    assert.equal((await ledger.account(userId, [])).account.usedBytes, 9);
  });

  promise(
    'of a settlement and a void at the same moment exactly one wins, and both know it',
    async (harness) => {
      const [one, other] = await connections(harness, 2);
      const userId = newUser();
      let settledBytes = 0;
      let events = 0;
      for (let round = 0; round < 25; round += 1) {
        const id = newSession();
        const settle = () => one.settle(settlementOf(id, userId, 3));
        const refuse = () => other.voidSession(id, userId);
        const [a, b] = await Promise.all(round % 2 === 0 ? [settle(), refuse()] : [refuse(), settle()]);
        assert.deepEqual(a, b);
        if (a.kind === 'settled') {
          settledBytes += 3;
          events += 1;
        }
      }
      assert.equal((await one.account(userId, [])).account.usedBytes, settledBytes);
      assert.equal((await harness.outbox()).length, events);
    },
  );

  promise('of the sealed sessions it names those of this user that `usedBytes` counts', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const [counted, other, voided, open, foreign] = Array.from({ length: 5 }, newSession);
    assert.ok(counted && other && voided && open && foreign);
    await ledger.settle(settlementOf(counted, userId, 10));
    await ledger.settle(settlementOf(other, userId, 20));
    await ledger.voidSession(voided, userId);
    await ledger.settle(settlementOf(foreign, newUser(), 40));
    const { account, settled } = await ledger.account(userId, [open, voided, counted, foreign]);
    assert.equal(account.usedBytes, 30);
    assert.deepEqual(settled, [{ sessionId: counted, bytes: 10 }]);
  });

  promise('while sessions settle, `usedBytes` always equals what is named as settled', async (harness) => {
    const [writer, reader] = await connections(harness, 2);
    const userId = newUser();
    const sessions = Array.from({ length: 30 }, newSession);
    let running = true;
    const settling = Promise.all(sessions.map((id) => writer.settle(settlementOf(id, userId, 11)))).finally(
      () => {
        running = false;
      },
    );
    do {
      const { account, settled } = await reader.account(userId, sessions);
      assert.equal(
        account.usedBytes,
        settled.reduce((sum, one) => sum + one.bytes, 0),
      );
      await new Promise(setImmediate);
    } while (running);
    await settling;
    assert.equal((await reader.account(userId, sessions)).settled.length, sessions.length);
  });

  promise('a limit set by an administrator stays, beside what is used and the period', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    await ledger.settle(settlementOf(newSession(), userId, 100));
    const { account: before } = await ledger.account(userId, []);
    for (const limitBytes of [0, 50, Number.MAX_SAFE_INTEGER]) {
      const account = await ledger.setLimit(userId, limitBytes);
      assert.equal(account.limitBytes, limitBytes);
      assert.deepEqual((await ledger.account(userId, [])).account, account);
      assert.deepEqual({ ...account, limitBytes: before.limitBytes, version: before.version }, before);
    }
  });

  promise('a limit can be set for a user who was never here', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    assert.equal((await ledger.setLimit(userId, 5)).limitBytes, 5);
    assert.equal((await ledger.account(userId, [])).account.limitBytes, 5);
  });

  promise('sizes are exact up to 2^53 − 1', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const bytes = Number.MAX_SAFE_INTEGER - 1;
    assert.equal(completionOf(await ledger.settle(settlementOf(newSession(), userId, bytes))).bytes, bytes);
    await ledger.settle(settlementOf(newSession(), userId, 1));
    assert.equal((await ledger.account(userId, [])).account.usedBytes, Number.MAX_SAFE_INTEGER);
  });

  promise('the version rises with every change, and only then', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    const id = newSession();
    const version = async () => (await ledger.account(userId, [])).account.version;
    const changes = [
      () => ledger.settle(settlementOf(id, userId, 1)),
      () => ledger.setLimit(userId, 10),
      () => ledger.resetPeriod(userId),
      () => harness.advance(harness.periodMs + 60_000),
    ];
    for (const change of changes) {
      const before = await version();
      await change();
      assert.ok((await version()) > before);
    }
    const before = await version();
    await ledger.settle(settlementOf(id, userId, 1));
    await ledger.voidSession(newSession(), userId);
    assert.equal(await version(), before);
  });

  promise('what was answered is still there after a restart', async (harness) => {
    const before = await harness.connect();
    const [userId, settled, voided] = [newUser(), newSession(), newSession()];
    const completion = await before.settle(settlementOf(settled, userId, 12));
    await before.voidSession(voided, userId);
    const account = await before.setLimit(userId, 77);
    await harness.disconnect();

    const after = await harness.connect();
    assert.deepEqual((await after.account(userId, [settled])).account, account);
    assert.deepEqual(await after.settle(settlementOf(settled, userId, 12)), completion);
    assert.deepEqual(await after.settle(settlementOf(voided, userId, 12)), { kind: 'voided' });
    assert.equal((await harness.outbox()).length, 1);
  });

  promise('it says that it is well', async (harness) => {
    const ledger = await harness.connect();
    assert.equal(ledger.name, 'ledger');
    await ledger.check();
  });

  ledgerPeriodTests(promise);
  ledgerDirectoryTests(promise);
  ledgerModelTest(promise);
}

export type LedgerPromise = (what: string, body: (harness: LedgerHarness) => Promise<void>) => void;

async function connections(harness: LedgerHarness, count: number) {
  const first = await harness.connect();
  const second = await harness.connect();
  const rest = await Promise.all(Array.from({ length: count - 2 }, () => harness.connect()));
  return [first, second, ...rest] as const;
}

function completionOf(result: SettleResult): Completion {
  if (result.kind !== 'settled') throw new assert.AssertionError({ message: `it is ${result.kind}` });
  return result.completion;
}
