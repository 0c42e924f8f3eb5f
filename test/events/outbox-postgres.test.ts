import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPostgresLedger, type PostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { outboxContract } from './outbox-contract.ts';

const PERIOD = 30 * 86_400_000;

outboxContract('postgresql', async () => {
  const database = await createTestDatabase();
  const open: PostgresLedger[] = [];
  return {
    periodMs: PERIOD,
    connect: async () => {
      const ledger = createPostgresLedger({
        databaseUrl: database.url,
        defaultLimitBytes: 1_000,
        periodMs: PERIOD,
        // What is promised here must not fail because the machine stood still for a moment.
        deadlineMs: 60_000,
      });
      open.push(ledger);
      return ledger;
    },
    advance: database.advance,
    dispose: async () => {
      await Promise.all(open.map((ledger) => ledger.close()));
      await database.drop();
    },
  };
});

test('postgresql outbox: a long backlog, of which the planner knows nothing, is claimed as fast as a short one', async () => {
  const database = await createTestDatabase();
  const ledger = createPostgresLedger({
    databaseUrl: database.url,
    defaultLimitBytes: 1_000,
    periodMs: PERIOD,
    maxConnections: 1,
    deadlineMs: 60_000,
  });
  try {
    // Plans are made, and kept, while there is nothing to plan for.
    for (let n = 0; n < 10; n += 1) await ledger.outbox.claim(16, 1_000);
    await database.query(`
      alter table outbox set (autovacuum_enabled = off);
      insert into outbox (id, kind, subject, payload, created_at, next_attempt_at)
        select 'event-' || n, 'upload.failed', gen_random_uuid(), '{}', 1, 1 from generate_series(1, 50000) as n;
    `);
    const elapsedMs = startStopwatch();
    for (let n = 0; n < 20; n += 1) assert.equal((await ledger.outbox.claim(16, 60_000)).length, 16);
    const ms = elapsedMs();
    assert.ok(ms < 2_000, `20 claims took ${Math.round(ms)} ms`);
  } finally {
    await ledger.close();
    await database.drop();
  }
});
