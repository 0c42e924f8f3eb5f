import { readFileSync } from 'node:fs';
import type { Outbox, OutboxBacklog } from '../../core/outbox.ts';
import type { AccountDirectory, Completion, Ledger, Probe, Settlement } from '../../core/ports.ts';
import type { Account } from '../../core/quota.ts';
import { integer, integerOrNull, type Row, text, textOrNull } from '../sql/columns.ts';
import { createAccountDirectory } from './account-directory.ts';
import type { Parameter } from './connection.ts';
import { unavailable } from './faults.ts';
import { migrate } from './migrate.ts';
import { createPostgresOutbox } from './outbox.ts';
import { createPool, type Query } from './pool.ts';

/** More connections than the server has cores bring nothing; several instances share it. */
const MAX_CONNECTIONS = 10;

export interface PostgresLedgerOptions {
  /** `postgres://user:password@host[,host]:port/database?sslmode=…` */
  readonly databaseUrl: string;
  /** Bytes; the limit of users for whom no administrator has set one. */
  readonly defaultLimitBytes: number;
  readonly periodMs: number;
  readonly maxConnections?: number;
  /** How long an operation may take, in milliseconds. */
  readonly deadlineMs?: number;
}

export interface PostgresLedger extends Ledger, AccountDirectory, Probe {
  readonly outbox: Outbox & OutboxBacklog;
  /** Bounded by the deadline of what is running. Calls made afterwards fail with `LEDGER_UNAVAILABLE`. */
  close(): Promise<void>;
}

/**
 * The ledger in PostgreSQL. Each operation is one transaction on the server (migrations/), where its clock
 * is the only one. The schema is brought up to date before the first operation; while the server is away that
 * is tried again with each one, so instances and database may start in any order.
 */
export function createPostgresLedger(options: PostgresLedgerOptions): PostgresLedger {
  const { databaseUrl, defaultLimitBytes, periodMs, maxConnections = MAX_CONNECTIONS, deadlineMs } = options;
  const pool = createPool({ databaseUrl, maxConnections, deadlineMs, prepare: () => migrate(databaseUrl) });
  const { record, ...outbox } = createPostgresOutbox(pool);
  const readAccount = readFileSync(new URL('./read-account.sql', import.meta.url), 'utf8');

  const toAccount = (userId: string, row: Row): Account => {
    const periodStart = integer(row, 'period_start');
    return {
      userId,
      limitBytes: integerOrNull(row, 'limit_bytes') ?? defaultLimitBytes,
      usedBytes: integer(row, 'used_bytes'),
      periodStart,
      periodEnd: periodStart + periodMs,
      version: integer(row, 'version'),
    };
  };

  return {
    name: 'ledger',
    backend: 'postgresql',
    outbox,
    record,
    ...createAccountDirectory({ pool, defaultLimitBytes, periodMs }),

    account: (userId, sealed) =>
      pool.operation(async (query) => {
        const read = () => query(readAccount, [userId, periodMs, `{${sealed.join(',')}}`]);
        let rows = await read();
        if (!rows[0] || rows[0].over === true) {
          await query('select current_account($1, $2)', [userId, periodMs]);
          rows = await read();
        }
        return {
          account: toAccount(userId, only(rows.slice(0, 1))),
          settled: rows
            .filter((row) => row.session_id !== null)
            .map((row) => ({ sessionId: text(row, 'session_id'), bytes: integer(row, 'bytes') })),
        };
      }),

    settle: (settlement) =>
      pool.operation(async (query) => {
        const parameters = [...settlementParameters(settlement), defaultLimitBytes, periodMs];
        return toVerdict(
          await one(query, 'settle_upload($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', parameters),
        );
      }),

    voidSession: (sessionId, userId) =>
      pool.operation(async (query) =>
        toVerdict(await one(query, 'void_upload($1, $2)', [sessionId, userId])),
      ),

    decision: (sessionId) =>
      pool.operation(async (query) => {
        const [row] = await query('select * from uploads where session_id = $1', [sessionId]);
        return row ? toVerdict(row) : null;
      }),

    setLimit: (userId, limitBytes) =>
      pool.operation(async (query) =>
        toAccount(userId, await one(query, 'set_account_limit($1, $2, $3)', [userId, limitBytes, periodMs])),
      ),

    resetPeriod: (userId) =>
      pool.operation(async (query) =>
        toAccount(userId, await one(query, 'reset_account_period($1, $2)', [userId, periodMs])),
      ),

    check: () =>
      pool.operation(async (query) => {
        const readable = 'exists (select from accounts) as readable';
        const [row] = await query(
          `select current_setting('transaction_read_only') as read_only, ${readable}`,
          [],
        );
        // Its connection is given up with it: the next one may reach the primary of several hosts.
        if (row?.read_only !== 'off') throw unavailable(new Error('PostgreSQL is read-only'));
      }),

    close: () => pool.close(),
  };
}

/** The one row that a function of the schema returns. */
async function one(query: Query, call: string, parameters: readonly Parameter[]): Promise<Row> {
  return only(await query(`select * from ${call}`, parameters));
}

function only(rows: readonly Row[]): Row {
  const [row] = rows;
  if (!row || rows.length > 1) throw new Error(`one row was expected, not ${rows.length}`);
  return row;
}

function settlementParameters(settlement: Settlement): Parameter[] {
  const { sessionId, userId, bytes, format, sha256, storageKey, filename, dashboardContext, createdAt } =
    settlement;
  return [
    sessionId,
    userId,
    bytes,
    format,
    sha256,
    storageKey,
    storable(filename),
    dashboardContext,
    createdAt,
  ];
}

/** PostgreSQL's text holds every character but NUL. A name is for people, so a mark in its place will do. */
function storable(name: string | null): string | null {
  return name?.replaceAll('\0', '\uFFFD') ?? null;
}

function toVerdict(row: Row) {
  return text(row, 'state') === 'voided'
    ? ({ kind: 'voided' } as const)
    : ({ kind: 'settled', completion: toCompletion(row) } as const);
}

function toCompletion(row: Row): Completion {
  return {
    bytes: integer(row, 'bytes'),
    periodStart: integer(row, 'period_start'),
    accountVersion: integer(row, 'account_version'),
    completedAt: integer(row, 'decided_at'),
    detectedFormat: textOrNull(row, 'format'),
    contentSha256: text(row, 'sha256'),
  };
}
