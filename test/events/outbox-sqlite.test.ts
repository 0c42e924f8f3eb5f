import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteLedger, type SqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { outboxContract } from './outbox-contract.ts';

const PERIOD = 30 * 86_400_000;

outboxContract('sqlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-outbox-'));
  const open: SqliteLedger[] = [];
  let now = Date.parse('2026-01-01T00:00:00Z');
  return {
    periodMs: PERIOD,
    connect: async () => {
      const ledger = createSqliteLedger({
        file: join(folder, 'ledger.db'),
        clock: { now: () => now },
        defaultLimitBytes: 1_000,
        periodMs: PERIOD,
      });
      open.push(ledger);
      return ledger;
    },
    advance: async (ms) => {
      now += ms;
    },
    dispose: async () => {
      for (const ledger of open) ledger.close();
      await rm(folder, { recursive: true });
    },
  };
});
