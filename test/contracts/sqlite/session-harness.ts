import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSqliteSessionStore, type SqliteSessionStore } from '../../../src/stores/sqlite/sessions.ts';
import type { SessionStoreHarness } from '../session-store/harness.ts';

export interface SqliteHarness extends SessionStoreHarness {
  readonly store: SqliteSessionStore;
  readonly file: string;
  /** Another store on the same file and clock, as another process or a later start has it. */
  reopen(): SqliteSessionStore;
  /** Move the clock in either direction. */
  shift(ms: number): void;
  /** Every row of every table, as counts. */
  rows(): Record<string, number>;
  sql(statement: string, ...values: string[]): Record<string, unknown>[];
}

const TABLES = ['sessions', 'session_parts', 'idempotency_keys', 'cached_accounts'];

export async function sqliteHarness(): Promise<SqliteHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sessions-'));
  const file = join(folder, 'sessions.db');
  let now = Date.parse('2026-01-01T00:00:00Z');
  const clock = { now: () => now };
  const opened: SqliteSessionStore[] = [];

  function reopen(): SqliteSessionStore {
    const store = createSqliteSessionStore({ file, clock });
    opened.push(store);
    return store;
  }

  function sql(statement: string, ...values: string[]): Record<string, unknown>[] {
    const db = new DatabaseSync(file, { timeout: 1_000 });
    try {
      return db.prepare(statement).all(...values);
    } finally {
      db.close();
    }
  }

  return {
    store: reopen(),
    file,
    reopen,
    sql,
    now: async () => now,
    advance: async (ms) => {
      now += ms;
    },
    shift: (ms) => {
      now += ms;
    },
    rows: () =>
      Object.fromEntries(
        TABLES.map((table) => [table, Number(sql(`SELECT count(*) AS n FROM ${table}`)[0]?.n)]),
      ),
    loseAccount: async (userId) => {
      sql('DELETE FROM cached_accounts WHERE user_id = ?', userId);
    },
    keysWithoutTtl: async () =>
      sql('SELECT session_id FROM sessions WHERE due_at IS NULL AND purge_at IS NULL').map((row) =>
        String(row.session_id),
      ),
    close: async () => {
      for (const store of opened) store.close();
      await rm(folder, { recursive: true });
    },
  };
}
