import type { Completion, SettledBytes, Settlement } from '../../core/ports.ts';
import type { Account } from '../../core/quota.ts';
import { integer, type Row, text, textOrNull } from '../sql/columns.ts';
import type { Database } from './database.ts';

/** A completed upload as the ledger keeps it. Sizes are bytes, times milliseconds since the epoch. */
export interface UploadRecord extends Settlement {
  readonly completedAt: number;
  /** Start of the period that counted it. */
  readonly periodStart: number;
}

/** What was decided about a session, for good. */
export type Verdict =
  | { readonly kind: 'settled'; readonly completion: Completion }
  | { readonly kind: 'voided' };

/** Rows of `uploads`, for use inside a transaction. The primary key makes each decision the only one. */
export function createLedgerUploads(db: Database) {
  const insertSettled = db.prepare(
    `INSERT INTO uploads (session_id, user_id, state, decided_at, bytes, format, sha256, storage_key, filename,
       dashboard_context, created_at, period_start, account_version)
     VALUES (?, ?, 'settled', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertVoided = db.prepare(
    "INSERT INTO uploads (session_id, user_id, state, decided_at) VALUES (?, ?, 'voided', ?)",
  );
  const select = db.prepare('SELECT * FROM uploads WHERE session_id = ?');
  const selectSettled = db.prepare(
    `SELECT session_id, bytes FROM uploads
     WHERE session_id IN (SELECT value FROM json_each(?)) AND user_id = ? AND state = 'settled' AND period_start = ?`,
  );

  return {
    verdict(sessionId: string): Verdict | null {
      const row = select.get(sessionId);
      if (!row) return null;
      return text(row, 'state') === 'voided'
        ? { kind: 'voided' }
        : { kind: 'settled', completion: toCompletion(row) };
    },

    /** `counted`: the account with these bytes in it. Throws where the session was decided on before. */
    settle(settlement: Settlement, counted: Account, now: number): Completion {
      insertSettled.run(
        settlement.sessionId,
        settlement.userId,
        now,
        settlement.bytes,
        settlement.format,
        settlement.sha256,
        settlement.storageKey,
        settlement.filename,
        settlement.dashboardContext,
        settlement.createdAt,
        counted.periodStart,
        counted.version,
      );
      return {
        bytes: settlement.bytes,
        periodStart: counted.periodStart,
        accountVersion: counted.version,
        completedAt: now,
        detectedFormat: settlement.format,
        contentSha256: settlement.sha256,
      };
    },

    /** Throws where the session was decided on before. */
    void(sessionId: string, userId: string, now: number): void {
      insertVoided.run(sessionId, userId, now);
    },

    settledAmong(sessionIds: readonly string[], userId: string, periodStart: number): SettledBytes[] {
      if (sessionIds.length === 0) return [];
      return selectSettled
        .all(JSON.stringify(sessionIds), userId, periodStart)
        .map((row) => ({ sessionId: text(row, 'session_id'), bytes: integer(row, 'bytes') }));
    },

    find(sessionId: string): UploadRecord | null {
      const row = select.get(sessionId);
      return row && text(row, 'state') === 'settled' ? toRecord(row) : null;
    },
  };
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

function toRecord(row: Row): UploadRecord {
  return {
    sessionId: text(row, 'session_id'),
    userId: text(row, 'user_id'),
    bytes: integer(row, 'bytes'),
    format: textOrNull(row, 'format'),
    sha256: text(row, 'sha256'),
    storageKey: text(row, 'storage_key'),
    filename: textOrNull(row, 'filename'),
    dashboardContext: text(row, 'dashboard_context'),
    createdAt: integer(row, 'created_at'),
    completedAt: integer(row, 'decided_at'),
    periodStart: integer(row, 'period_start'),
  };
}
