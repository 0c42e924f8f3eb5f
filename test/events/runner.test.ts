import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { readSigningKey } from '../../src/config/webhook.ts';
import type { NewOutboxEvent, OutboxRecord } from '../../src/core/outbox.ts';
import type { Deliver } from '../../src/events/delivery.ts';
import { type OutboxRunner, startOutboxRunner } from '../../src/events/runner.ts';
import { createWebhook } from '../../src/events/webhook.ts';
import { createSqliteLedger, type SqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { newSession } from '../contracts/ledger/harness.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** No pause between attempts is as long, so it tells an event under way from one that failed. */
const LEASE_MS = 60_001;
const KEY = readSigningKey(`whsec_${Buffer.alloc(32, 9).toString('base64')}`) ?? Buffer.alloc(0);

/** An outbox with a clock that the test moves, a real receiver, and runners between them. */
interface Scene {
  readonly ledger: SqliteLedger;
  readonly receiver: Receiver;
  readonly warnings: string[];
  advance(ms: number): void;
  /** To the moment at which this one is due again. */
  advanceTo(record: OutboxRecord): void;
  /** How long ago the event happened, in ms. */
  age(record: OutboxRecord): number;
  start(options?: {
    deliver?: Deliver;
    timeoutMs?: number;
    graceMs?: number;
    together?: number;
  }): OutboxRunner;
  /** Resolves when the event is in this state. */
  until(id: string, holds: (record: OutboxRecord) => boolean): Promise<OutboxRecord>;
  /** Resolves when the attempt of that number has failed. */
  untilFailed(id: string, attempts: number): Promise<OutboxRecord>;
}

function promise(what: string, body: (scene: Scene) => Promise<void>): void {
  test(`outbox runner: ${what}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-runner-'));
    let now = Date.parse('2026-01-01T00:00:00Z');
    const ledger = createSqliteLedger({
      file: join(folder, 'ledger.db'),
      clock: { now: () => now },
      defaultLimitBytes: 1_000,
      periodMs: 30 * DAY_MS,
    });
    const receiver = await startReceiver();
    const runners: OutboxRunner[] = [];
    const warnings: string[] = [];
    const until: Scene['until'] = async (id, holds) => {
      for (;;) {
        const record = (await ledger.outbox.list({ limit: 500 })).find((one) => one.id === id);
        if (record && holds(record)) return record;
        await setTimeout(2);
      }
    };
    try {
      await body({
        ledger,
        receiver,
        warnings,
        advance: (ms) => {
          now += ms;
        },
        advanceTo: ({ nextAttemptAt }) => {
          now = Math.max(now, nextAttemptAt);
        },
        age: ({ createdAt }) => now - createdAt,
        // Where neither is what a test is about, a machine may stand still for as long as it likes.
        start: ({ deliver, timeoutMs = 60_000, graceMs = 60_000, together } = {}) => {
          const webhook = createWebhook({ url: receiver.url, keys: [KEY], allowPrivate: true, timeoutMs });
          const runner = startOutboxRunner({
            outbox: ledger.outbox,
            deliver: deliver ?? webhook,
            log: { info: () => {}, warn: (_, message) => warnings.push(message) },
            retentionMs: 31 * DAY_MS,
            pollMs: 5,
            leaseMs: LEASE_MS,
            graceMs,
            ...(together !== undefined && { together }),
            random: () => 0.5,
          });
          runners.push(runner);
          return runner;
        },
        until,
        untilFailed: (id, attempts) =>
          until(
            id,
            (record) =>
              record.attempts === attempts &&
              record.lastError !== null &&
              (record.status === 'dead' || record.nextAttemptAt !== now + LEASE_MS),
          ),
      });
    } finally {
      await Promise.all(runners.map((runner) => runner.stop()));
      ledger.close();
      await receiver.close();
      await rm(folder, { recursive: true });
    }
  });
}

function event(id: string, subject = newSession()): NewOutboxEvent {
  return { id, kind: 'upload.failed', subject, payload: JSON.stringify({ id }) };
}

const delivered = ({ status }: OutboxRecord): boolean => status === 'delivered';
const idsOf = ({ received }: Receiver): string[] =>
  received.map(({ headers }) => headers['webhook-id'] ?? '');

promise('what is written down is delivered, each event once', async ({ ledger, receiver, start, until }) => {
  start();
  start();
  const ids = Array.from({ length: 60 }, (_, n) => `event-${n}`);
  for (const id of ids) await ledger.record(event(id));
  for (const id of ids) await until(id, delivered);
  assert.deepEqual(idsOf(receiver).sort(), ids.sort());
});

promise('a receiver that answers 500 gets the same event again, later', async (scene) => {
  const { ledger, receiver, advanceTo, start, until, untilFailed } = scene;
  receiver.answerWith((response) => response.writeHead(500).end());
  await ledger.record(event('a'));
  start();
  const failed = await untilFailed('a', 1);
  assert.equal(failed.lastError, 'answered 500');
  assert.equal(receiver.received.length, 1);

  receiver.answerWith((response) => response.writeHead(204).end());
  advanceTo(failed);
  await until('a', delivered);
  const [first, second] = receiver.received;
  assert.equal(first?.body, second?.body);
  assert.deepEqual(idsOf(receiver), ['a', 'a']);
});

promise('events of one session arrive in order, though one of them has to be tried again', async (scene) => {
  const { ledger, receiver, advanceTo, start, until, untilFailed } = scene;
  const subject = newSession();
  let refusals = 2;
  receiver.answerWith((response, { headers }) => {
    const refused = headers['webhook-id'] === 'first' && refusals > 0;
    if (refused) refusals -= 1;
    response.writeHead(refused ? 503 : 204).end();
  });
  for (const id of ['first', 'second', 'third']) await ledger.record(event(id, subject));
  await ledger.record(event('of another session'));
  start();
  await until('of another session', delivered);
  advanceTo(await untilFailed('first', 1));
  advanceTo(await untilFailed('first', 2));
  await until('third', delivered);
  assert.deepEqual(
    idsOf(receiver).filter((id) => id !== 'of another session'),
    ['first', 'first', 'first', 'second', 'third'],
  );
});

promise('a receiver that hangs holds up its own event only', async (scene) => {
  const { ledger, receiver, start, until } = scene;
  receiver.answerWith((response, { headers }) => {
    if (headers['webhook-id'] !== 'hangs') response.writeHead(204).end();
  });
  await ledger.record(event('hangs'));
  start({ timeoutMs: 60_000, graceMs: 50 });
  await receiver.until(1);
  for (let n = 0; n < 30; n += 1) await ledger.record(event(`goes on ${n}`));
  for (let n = 0; n < 30; n += 1) await until(`goes on ${n}`, delivered);
  assert.equal((await until('hangs', () => true)).status, 'pending');
});

promise('a receiver that is gone for an hour gets everything when it is back', async (scene) => {
  const { ledger, receiver, age, advanceTo, start, until, untilFailed } = scene;
  const ids = ['a', 'b'];
  await receiver.leave();
  for (const id of ids) await ledger.record(event(id));
  start();
  for (let attempts = 1; ; attempts += 1) {
    const records = await Promise.all(ids.map((id) => untilFailed(id, attempts)));
    for (const { lastError } of records) assert.match(String(lastError), /ECONNREFUSED/);
    const [record] = records;
    assert.ok(record);
    if (age(record) >= HOUR_MS) await receiver.comeBack();
    for (const one of records) advanceTo(one);
    if (age(record) >= 2 * HOUR_MS) break;
  }
  for (const id of ids) await until(id, delivered);
  assert.deepEqual(idsOf(receiver).sort(), ids);
});

promise('after a day without success an event is dead; replayed, it arrives', async (scene) => {
  const { ledger, receiver, warnings, age, advanceTo, start, until, untilFailed } = scene;
  receiver.answerWith((response) => response.writeHead(410).end());
  await ledger.record(event('a'));
  start();
  let record = await untilFailed('a', 1);
  while (record.status === 'pending') {
    advanceTo(record);
    record = await untilFailed('a', record.attempts + 1);
  }
  assert.equal(record.status, 'dead');
  const passed = age(record);
  assert.ok(passed >= DAY_MS && passed < DAY_MS + 3 * HOUR_MS, `${passed / HOUR_MS} h`);
  assert.ok(warnings.some((message) => message.includes('sluice events replay')));

  receiver.answerWith((response) => response.writeHead(200).end());
  assert.equal(await ledger.outbox.replay(['a']), 1);
  await until('a', delivered);
  assert.deepEqual(new Set(idsOf(receiver)), new Set(['a']));
});

promise('what a process took to its grave is delivered by another, with the same id', async (scene) => {
  const { ledger, receiver, advance, start, until } = scene;
  await ledger.record(event('a'));
  const [lost] = await ledger.outbox.claim(1, LEASE_MS);
  assert.equal(lost?.id, 'a');
  start();
  await ledger.record(event('b'));
  await until('b', delivered);
  assert.deepEqual(idsOf(receiver), ['b']);
  advance(LEASE_MS);
  await until('a', delivered);
  assert.deepEqual(idsOf(receiver), ['b', 'a']);
});

promise('a stop lets a running delivery end', async ({ ledger, receiver, start, until }) => {
  const answer = Promise.withResolvers<void>();
  receiver.answerWith((response) => answer.promise.then(() => response.writeHead(204).end()));
  await ledger.record(event('a'));
  const runner = start();
  await receiver.until(1);
  const stopped = runner.stop();
  answer.resolve();
  await stopped;
  await until('a', delivered);
});

promise(
  'a stop does not wait for a receiver that hangs',
  async ({ ledger, receiver, start, until, untilFailed }) => {
    receiver.answerWith(() => {});
    await ledger.record(event('a'));
    const runner = start({ timeoutMs: 60_000, graceMs: 20 });
    await receiver.until(1);
    await runner.stop();
    const record = await untilFailed('a', 1);
    assert.equal(record.lastError, 'the service was stopped');
    await ledger.record(event('later'));
    assert.equal((await until('later', () => true)).attempts, 0, 'nobody takes events any more');
  },
);

promise('a delivery that throws is tried again like any other failure', async (scene) => {
  const { ledger, warnings, advanceTo, start, until, untilFailed } = scene;
  let calls = 0;
  await ledger.record(event('a'));
  start({
    deliver: async () => {
      calls += 1;
      if (calls === 1) throw new Error('a fault of ours');
      return { kind: 'delivered' };
    },
  });
  const failed = await untilFailed('a', 1);
  assert.equal(failed.lastError, 'a fault of ours');
  assert.equal(warnings.length, 1);
  advanceTo(failed);
  await until('a', delivered);
});

promise('where events are delivered together, all are, and one that fails holds up none', async (scene) => {
  const { ledger, advanceTo, start, until, untilFailed } = scene;
  const ids = Array.from({ length: 8 }, (_, n) => `event-${n}`);
  for (const id of ids) await ledger.record(event(id));
  const together: string[][] = [];
  let attempts = 0;
  const deliver: Deliver = async ({ id }) => {
    // Those of one turn are what a receiver that takes many in one call gets.
    if (attempts === 0) setImmediate(() => (attempts = 0));
    if (attempts === 0) together.push([]);
    attempts += 1;
    together.at(-1)?.push(id);
    const refused = id === 'event-1' && together.flat().filter((one) => one === id).length === 1;
    return refused ? { kind: 'failed', reason: 'no' } : { kind: 'delivered' };
  };
  start({ deliver, together: 3 });
  for (const id of ids) if (id !== 'event-1') await until(id, delivered);
  assert.deepEqual(together, [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
  advanceTo(await untilFailed('event-1', 1));
  await until('event-1', delivered);
});
