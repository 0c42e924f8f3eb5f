import { createPostgresLedger, type PostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
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
