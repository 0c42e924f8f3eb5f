import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSqliteLedger, type SqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import type { LedgerHarness } from './ledger/harness.ts';
import { ledgerContract } from './ledger/suite.ts';

const LIMIT = 10 * 1024 ** 3;
const PERIOD = 30 * 86_400_000;

ledgerContract('sqlite', async (): Promise<LedgerHarness> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-ledger-'));
  const file = join(folder, 'ledger.db');
  let now = Date.parse('2026-01-01T00:00:00Z');
  let open: SqliteLedger[] = [];

  async function disconnect(): Promise<void> {
    for (const ledger of open) ledger.close();
    open = [];
  }

  return {
    defaultLimitBytes: LIMIT,
    periodMs: PERIOD,
    toleranceMs: 0,
    connect: async () => {
      const clock = { now: () => now };
      const ledger = createSqliteLedger({ file, clock, defaultLimitBytes: LIMIT, periodMs: PERIOD });
      open.push(ledger);
      return ledger;
    },
    disconnect,
    now: async () => now,
    advance: async (ms) => {
      now += ms;
    },
    outbox: async () => {
      const db = new DatabaseSync(file, { readOnly: true });
      const rows = db.prepare('SELECT id, kind, payload FROM outbox').all();
      db.close();
      return rows.map((row) => ({
        id: String(row.id),
        kind: String(row.kind),
        payload: JSON.parse(String(row.payload)),
      }));
    },
    dispose: async () => {
      await disconnect();
      await rm(folder, { recursive: true });
    },
  };
});
