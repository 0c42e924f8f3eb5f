import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  NewOutboxEvent,
  Outbox,
  OutboxBacklog,
  OutboxEvent,
  OutboxRecord,
} from '../../src/core/outbox.ts';
import type { Ledger } from '../../src/core/ports.ts';
import { newSession, newUser, settlementOf } from '../contracts/ledger/harness.ts';

/** A ledger with an outbox, empty at first, with a limit of 1,000 bytes for everybody. */
export interface OutboxHarness {
  readonly periodMs: number;
  /** A connection of its own, as another instance would have it. */
  connect(): Promise<Ledger & { readonly outbox: Outbox & OutboxBacklog }>;
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;

/** What every outbox promises, whatever is behind it. */
export function outboxContract(name: string, makeHarness: () => Promise<OutboxHarness>): void {
  function promise(what: string, body: (harness: OutboxHarness) => Promise<void>): void {
    test(`${name} outbox: ${what}`, async () => {
      const harness = await makeHarness();
      try {
        await body(harness);
      } finally {
        await harness.dispose();
      }
    });
  }

  promise('what is claimed is nobody else’s until the lease ends, then due again', async (harness) => {
    const [one, other] = [await harness.connect(), await harness.connect()];
    await one.record(event('a'));
    const [first] = await one.outbox.claim(10, LEASE_MS);
    assert.ok(first);
    assert.equal(first.attempts, 1);
    assert.deepEqual(pick(first), event('a'));
    assert.deepEqual(await other.outbox.claim(10, LEASE_MS), []);

    await harness.advance(LEASE_MS);
    const [second] = await other.outbox.claim(10, LEASE_MS);
    assert.deepEqual(second && { ...second, attempts: 1 }, { ...first, ...leaseOf(second) });
    assert.equal(second?.attempts, 2);
  });

  promise('many who claim at once never get the same event, and together get all', async (harness) => {
    const ledgers = await Promise.all(Array.from({ length: 6 }, () => harness.connect()));
    const [ledger] = ledgers;
    assert.ok(ledger);
    const ids = Array.from({ length: 60 }, (_, n) => `event-${n}`);
    for (const id of ids) await ledger.record(event(id));
    const got: OutboxEvent[] = [];
    while (got.length < ids.length) {
      const claims = await Promise.all(ledgers.map((one) => one.outbox.claim(4, LEASE_MS)));
      assert.ok(claims.flat().length > 0, `only ${got.length} of ${ids.length} were given out`);
      got.push(...claims.flat());
    }
    assert.deepEqual(got.map(({ id }) => id).sort(), ids.sort());
  });

  promise(
    'the backlog is what is neither delivered nor dead, and as old as its oldest event',
    async (harness) => {
      const { outbox, record } = await harness.connect();
      assert.deepEqual(await outbox.backlog(), { pending: 0, oldestMs: 0 });
      await record(event('a'));
      await harness.advance(HOUR_MS);
      for (const id of ['b', 'c']) await record(event(id));
      const { pending, oldestMs } = await outbox.backlog();
      assert.equal(pending, 3);
      assert.ok(oldestMs >= HOUR_MS && oldestMs < 2 * HOUR_MS, `${oldestMs} ms`);

      const [a, b] = await outbox.claim(10, LEASE_MS);
      assert.equal((await outbox.backlog()).pending, 3, 'what is under way has not arrived');
      assert.ok(a && b);
      await outbox.delivered(a.id);
      await outbox.failed(b, 'no', null);
      const rest = await outbox.backlog();
      assert.equal(rest.pending, 1);
      assert.ok(rest.oldestMs < HOUR_MS, `${rest.oldestMs} ms`);
    },
  );

  promise(
    'several are written down as delivered at once, none of them twice, and no others',
    async (harness) => {
      const { outbox, record } = await harness.connect();
      const subject = newSession();
      for (const id of ['a', 'b', 'c']) await record(event(id));
      for (const id of ['d1', 'd2']) await record(event(id, subject));
      await outbox.claim(10, LEASE_MS);
      await outbox.delivered('a', 'c', 'd1', 'unknown');
      assert.deepEqual(await claimIds(outbox), ['d2'], 'its turn has come');
      const before = await outbox.list({ status: 'delivered', limit: 10 });
      assert.deepEqual(before.map(({ id }) => id).sort(), ['a', 'c', 'd1']);
      await harness.advance(HOUR_MS);
      await outbox.delivered('c', 'a');
      assert.deepEqual(await outbox.list({ status: 'delivered', limit: 10 }), before);
      await outbox.delivered();
    },
  );

  promise('events of one subject come one after the other, others do not wait for them', async (harness) => {
    const { outbox, record } = await harness.connect();
    const subject = newSession();
    for (const id of ['a1', 'a2', 'a3']) await record(event(id, subject));
    await record(event('b1'));

    assert.deepEqual(await claimIds(outbox), ['a1', 'b1']);
    assert.deepEqual(await claimIds(outbox), [], 'a1 is under way');
    await outbox.delivered('a1');
    const [a2] = await outbox.claim(10, LEASE_MS);
    assert.equal(a2?.id, 'a2');
    await outbox.failed(a2, 'no', HOUR_MS);
    assert.deepEqual(await claimIds(outbox), [], 'a3 waits for the second try of a2');
    await harness.advance(HOUR_MS);
    const [again] = await outbox.claim(10, LEASE_MS);
    assert.equal(again?.id, 'a2');
    await outbox.failed(again, 'no', null);
    assert.deepEqual(await claimIds(outbox), ['a3'], 'a2 is dead');
  });

  promise('what failed is due again when it was said to be, not before', async (harness) => {
    const { outbox, record } = await harness.connect();
    await record(event('a'));
    const [claimed] = await outbox.claim(1, LEASE_MS);
    assert.ok(claimed);
    await outbox.failed(claimed, 'answered 500\0', HOUR_MS);
    const [failed] = await outbox.list({ limit: 1 });
    assert.equal(failed?.status, 'pending');
    assert.match(String(failed?.lastError), /^answered 500/);
    await harness.advance(HOUR_MS - 60_000);
    assert.deepEqual(await claimIds(outbox), []);
    await harness.advance(60_000);
    assert.deepEqual(await claimIds(outbox), ['a']);
  });

  promise('the dead stay dead until they are replayed, then begin anew', async (harness) => {
    const { outbox, record } = await harness.connect();
    await record(event('a'));
    const [claimed] = await outbox.claim(1, LEASE_MS);
    assert.ok(claimed);
    await outbox.failed(claimed, 'gone', null);
    await harness.advance(1_000 * HOUR_MS);
    assert.deepEqual(await claimIds(outbox), []);
    assert.deepEqual(await statuses(outbox), ['a dead']);

    assert.equal(await outbox.replay(['a', 'unknown']), 1);
    const [again] = await outbox.claim(1, LEASE_MS);
    assert.equal(again?.attempts, 1);
    assert.equal(again?.payload, claimed.payload);
  });

  promise('who lost his lease can still say that it arrived, but not that it failed', async (harness) => {
    const { outbox, record } = await harness.connect();
    await record(event('a'));
    const [slow] = await outbox.claim(1, LEASE_MS);
    await harness.advance(LEASE_MS);
    const [quick] = await outbox.claim(1, LEASE_MS);
    assert.ok(slow && quick);
    await outbox.failed(slow, 'too late', null);
    assert.deepEqual(await statuses(outbox), ['a pending']);
    await outbox.delivered(slow.id);
    await outbox.failed(quick, 'it had arrived', null);
    assert.deepEqual(await statuses(outbox), ['a delivered']);
    await harness.advance(HOUR_MS);
    assert.deepEqual(await claimIds(outbox), []);
  });

  promise('recording an event again changes nothing', async (harness) => {
    const ledger = await harness.connect();
    await ledger.record(event('a'));
    await ledger.record({ ...event('a'), payload: '{"other":1}' });
    const [claimed] = await ledger.outbox.claim(10, LEASE_MS);
    assert.equal(claimed?.payload, event('a').payload);
    await ledger.outbox.delivered('a');
    await ledger.record(event('a'));
    assert.deepEqual(await statuses(ledger.outbox), ['a delivered']);
  });

  promise('events are listed newest first, page by page, and by what became of them', async (harness) => {
    const { outbox, record } = await harness.connect();
    for (const id of ['a', 'b', 'c', 'd', 'e']) await record(event(id));
    for (const claimed of await outbox.claim(5, LEASE_MS)) {
      if (claimed.id === 'a' || claimed.id === 'd') await outbox.delivered(claimed.id);
      if (claimed.id === 'b') await outbox.failed(claimed, 'no', null);
    }
    const first = await outbox.list({ limit: 2 });
    assert.deepEqual(first.map(idOf), ['e', 'd']);
    const second = await outbox.list({ limit: 2, before: first.at(-1)?.sequence ?? 0 });
    assert.deepEqual(second.map(idOf), ['c', 'b']);
    assert.deepEqual((await outbox.list({ limit: 9, status: 'delivered' })).map(idOf), ['d', 'a']);
    assert.deepEqual((await outbox.list({ limit: 9, status: 'dead' })).map(idOf), ['b']);
    assert.deepEqual((await outbox.list({ limit: 9, status: 'pending' })).map(idOf), ['e', 'c']);
  });

  promise('what was delivered can be replayed, and is forgotten when it is old', async (harness) => {
    const { outbox, record } = await harness.connect();
    for (const id of ['a', 'b', 'c']) await record(event(id));
    for (const { id } of await outbox.claim(5, LEASE_MS)) await outbox.delivered(id);
    assert.equal(await outbox.replay(['a']), 1);
    await harness.advance(HOUR_MS);
    await record(event('d'));
    const [a, d] = await outbox.claim(5, LEASE_MS);
    assert.ok(a?.id === 'a' && d);
    await outbox.delivered(d.id);

    assert.equal(await outbox.prune(HOUR_MS + 60_000, 10), 0, 'nothing is that old');
    assert.equal(await outbox.prune(HOUR_MS / 2, 1), 1);
    assert.equal(await outbox.prune(HOUR_MS / 2, 10), 1);
    assert.deepEqual(await statuses(outbox), ['d delivered', 'a pending']);
  });

  promise('each threshold of the quota is told once in a period, by whatever steps', async (harness) => {
    const ledger = await harness.connect();
    const userId = newUser();
    await ledger.settle(settlementOf(newSession(), userId, 799));
    assert.deepEqual(await thresholds(ledger.outbox), []);
    await ledger.settle(settlementOf(newSession(), userId, 1));
    assert.deepEqual(await thresholds(ledger.outbox), [80]);
    await ledger.settle(settlementOf(newSession(), userId, 10));
    await ledger.settle(settlementOf(newSession(), userId, 190));
    assert.deepEqual(await thresholds(ledger.outbox), [80, 95, 100]);

    await ledger.setLimit(userId, 2_000);
    await ledger.settle(settlementOf(newSession(), userId, 1_000));
    assert.deepEqual(await thresholds(ledger.outbox), [80, 95, 100], 'reached again');

    await harness.advance(harness.periodMs);
    await ledger.settle(settlementOf(newSession(), userId, 2_000));
    assert.deepEqual(await thresholds(ledger.outbox), [80, 95, 100, 80, 95, 100]);
    await ledger.resetPeriod(userId);
    await ledger.settle(settlementOf(newSession(), userId, 1_700));
    assert.deepEqual(await thresholds(ledger.outbox), [80, 95, 100, 80, 95, 100, 80]);
  });

  promise('a crowd that reaches the thresholds together tells each once', async (harness) => {
    const ledgers = await Promise.all(Array.from({ length: 4 }, () => harness.connect()));
    const [ledger] = ledgers;
    assert.ok(ledger);
    const userId = newUser();
    await Promise.all(
      Array.from({ length: 25 }, (_, n) =>
        ledgers[n % ledgers.length]?.settle(settlementOf(newSession(), userId, 40)),
      ),
    );
    assert.deepEqual(await thresholds(ledger.outbox), [80, 95, 100]);
    const [full] = (await ledger.outbox.list({ limit: 100 })).filter(isThreshold);
    const { account } = await ledger.account(userId, []);
    assert.deepEqual(JSON.parse(full?.payload ?? ''), {
      user_id: userId,
      threshold_percent: 100,
      quota_used: 1_000,
      quota_limit: 1_000,
      period_start: new Date(account.periodStart).toISOString(),
      reset_date: new Date(account.periodEnd).toISOString(),
    });
    assert.equal(full?.subject, userId);
  });
}

function event(id: string, subject = newSession()): NewOutboxEvent {
  const known = subjects.get(id) ?? subject;
  subjects.set(id, known);
  return { id, kind: 'upload.failed', subject: known, payload: `{"n": 1.0, "id": "${id}"}` };
}
/** So that the same id always makes the same event. */
const subjects = new Map<string, string>();

const idOf = ({ id }: OutboxEvent): string => id;
const isThreshold = ({ kind }: OutboxEvent): boolean => kind === 'quota.threshold';

function pick({ id, kind, subject, payload }: OutboxEvent) {
  return { id, kind, subject, payload };
}

/** What a new lease may change in an event. */
function leaseOf(event: OutboxEvent | undefined): object {
  return event && 'nextAttemptAt' in event ? { nextAttemptAt: event.nextAttemptAt } : {};
}

async function claimIds(outbox: Outbox): Promise<string[]> {
  return (await outbox.claim(10, LEASE_MS)).map(idOf);
}

async function statuses(outbox: Outbox): Promise<string[]> {
  return (await outbox.list({ limit: 100 })).map((one: OutboxRecord) => `${one.id} ${one.status}`);
}

async function thresholds(outbox: Outbox): Promise<number[]> {
  const events = (await outbox.list({ limit: 100 })).filter(isThreshold).reverse();
  return events.map(({ payload }) => JSON.parse(payload).threshold_percent);
}
