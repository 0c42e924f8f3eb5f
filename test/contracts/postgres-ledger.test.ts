import { createPostgresLedger, type PostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import type { LedgerHarness } from './ledger/harness.ts';
import { ledgerContract } from './ledger/suite.ts';

const LIMIT = 10 * 1024 ** 3;
const PERIOD = 30 * 86_400_000;

ledgerContract('postgresql', async (): Promise<LedgerHarness> => {
  const database = await createTestDatabase();
  let open: PostgresLedger[] = [];

  async function disconnect(): Promise<void> {
    await Promise.all(open.map((ledger) => ledger.close()));
    open = [];
  }

  return {
    defaultLimitBytes: LIMIT,
    periodMs: PERIOD,
    toleranceMs: 10_000,
    connect: async () => {
      const ledger = createPostgresLedger({
        databaseUrl: database.url,
        defaultLimitBytes: LIMIT,
        periodMs: PERIOD,
        // What is promised here must not fail because the machine stood still for a moment.
        deadlineMs: 60_000,
      });
      open.push(ledger);
      return ledger;
    },
    disconnect,
    now: database.now,
    advance: database.advance,
    outbox: async () => {
      const rows = await database.query('select id, kind, payload from outbox order by sequence');
      return rows.map((row) => ({
        id: String(row.id),
        kind: String(row.kind),
        payload: JSON.parse(String(row.payload)),
      }));
    },
    dispose: async () => {
      await disconnect();
      await database.drop();
    },
  };
});
