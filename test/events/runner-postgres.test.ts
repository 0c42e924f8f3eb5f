import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startPostgres } from '../../scripts/lib/servers/postgres.ts';
import { startOutboxRunner } from '../../src/events/runner.ts';
import { createWebhook } from '../../src/events/webhook.ts';
import { createPostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { newSession, newUser, settlementOf } from '../contracts/ledger/harness.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { startReceiver } from './receiver.ts';

/** Invariant D on the real thing: instances that share a PostgreSQL which is killed, a receiver with moods. */
test('two instances tell of every settlement at least once, and of nothing else, through outages', async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  const database = await createTestDatabase(server.url);
  const receiver = await startReceiver();
  t.after(() => receiver.close());
  receiver.answerWith((response) => {
    const mood = receiver.received.length % 10;
    if (mood === 3) response.destroy();
    else response.writeHead(mood === 7 ? 503 : 204).end();
  });

  const ledgers = [1, 2].map(() =>
    createPostgresLedger({
      ...{ databaseUrl: database.url, defaultLimitBytes: 10 ** 12, periodMs: 10 ** 9 },
      deadlineMs: 60_000,
    }),
  );
  const runners = ledgers.map(({ outbox }) =>
    startOutboxRunner({
      outbox,
      deliver: createWebhook({ url: receiver.url, keys: [Buffer.alloc(32)], allowPrivate: true }),
      log: { info: () => {}, warn: () => {} },
      retentionMs: 10 ** 9,
      pollMs: 20,
      leaseMs: 1_500,
    }),
  );

  const settled = new Set<string>();
  const userId = newUser();
  async function settle(): Promise<void> {
    const id = newSession();
    for (let attempt = 0; ; attempt += 1) {
      try {
        await ledgers[attempt % 2]?.settle(settlementOf(id, userId, 1));
        settled.add(`upload-completed-${id}`);
        return;
      } catch {
        await setTimeout(20);
      }
    }
  }

  for (let round = 0; round < 3; round += 1) {
    const uploads = Array.from({ length: 40 }, settle);
    await receiver.until(round * 40 + 10);
    await server.kill();
    await server.restart();
    await Promise.all(uploads);
  }

  const untold = async () => (await ledgers[0]?.outbox.list({ status: 'pending', limit: 500 })) ?? [];
  for (let pending = await untold(); pending.length > 0; pending = await untold()) {
    // Retries are minutes apart: the clock is moved instead.
    await database.advance(60_000);
    await setTimeout(50);
  }
  await Promise.all(runners.map((runner) => runner.stop()));
  const told = receiver.received.map(({ headers }) => headers['webhook-id'] ?? '');
  assert.deepEqual(new Set(told), settled);
  assert.equal(settled.size, 120);
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  await database.drop();
});
