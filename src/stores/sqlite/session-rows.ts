import type { SQLInputValue } from 'node:sqlite';
import {
  type Failure,
  SESSION_STATUSES,
  type Session,
  type SessionStatus,
  statusAt,
} from '../../core/session.ts';
import { integer, integerOrNull, type Row, text, textOrNull } from '../sql/columns.ts';
import type { Database } from './database.ts';

/** A session as its row has it, before `asSeen` has looked at the clock. */
export interface SessionRow extends Session {
  readonly ttlMs: number;
  readonly maxLifetimeMs: number;
  /** The reservation ends by itself at this moment; null where there is none (any more). */
  readonly reservedUntil: number | null;
  readonly endedAt: number | null;
  readonly dueAt: number | null;
  readonly purgeAt: number | null;
}

/** A sealed session keeps its reservation until somebody decides. */
export const UNTIL_DECIDED = Number.MAX_SAFE_INTEGER;

/** Columns in the order of `toValues`; the first of them never change. */
const FIXED = [
  'session_id',
  'user_id',
  'created_at',
  'ttl_ms',
  'max_lifetime_ms',
  'max_file_size',
  'dashboard_context',
  'expected_file_size',
  'file_format',
  'filename',
  'upload_metadata',
  'upload_concat',
] as const;
const MUTABLE = [
  'status',
  'expires_at',
  'reserved_bytes',
  'reserved_until',
  'upload_offset',
  'upload_length',
  'epoch',
  'writer',
  'sealed',
  'storage',
  'detected_format',
  'sha256',
  'content_sha256',
  'completed_at',
  'failure',
  'ended_at',
  'due_at',
  'purge_at',
  'merged_into',
] as const;

/** Rows of `sessions`, for use inside a transaction. */
export function createSessionRows(db: Database) {
  const columns = [...FIXED, ...MUTABLE];
  const insert = db.prepare(
    `INSERT INTO sessions (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  const update = db.prepare(
    `UPDATE sessions SET ${MUTABLE.map((column) => `${column} = ?`).join(', ')} WHERE session_id = ?`,
  );
  // No index is on these two, and an UPDATE that names all columns writes every index anew.
  const take = db.prepare('UPDATE sessions SET epoch = ?, writer = ? WHERE session_id = ?');
  const select = db.prepare('SELECT * FROM sessions WHERE session_id = ?');

  return {
    /** Null where it is unknown or its time to be remembered is over. */
    get(sessionId: string, now: number): SessionRow | null {
      const row = select.get(sessionId);
      if (!row) return null;
      const session = toSessionRow(row);
      return session.purgeAt !== null && session.purgeAt <= now ? null : session;
    },

    insert(session: SessionRow): void {
      insert.run(...fixedValues(session), ...mutableValues(session));
    },

    /** As `save`, where nothing but the writer and his epoch has changed. */
    saveWriter(session: SessionRow): SessionRow {
      take.run(session.epoch, session.writer, session.sessionId);
      return session;
    },

    save(session: SessionRow): SessionRow {
      update.run(...mutableValues(session), session.sessionId);
      return session;
    },
  };
}

/** The session as a reader must see it at `now`. */
export function asSeen(row: SessionRow, now: number): Session {
  const { ttlMs, maxLifetimeMs, reservedUntil, endedAt, dueAt, purgeAt, ...session } = row;
  return {
    ...session,
    status: statusAt(row, now),
    reservedBytes: reservedUntil !== null && reservedUntil > now ? row.reservedBytes : 0,
  };
}

export function toSessionRow(row: Row): SessionRow {
  const uploadConcat = textOrNull(row, 'upload_concat');
  const mergedInto = textOrNull(row, 'merged_into');
  return {
    sessionId: text(row, 'session_id'),
    userId: text(row, 'user_id'),
    createdAt: integer(row, 'created_at'),
    ttlMs: integer(row, 'ttl_ms'),
    maxLifetimeMs: integer(row, 'max_lifetime_ms'),
    maxFileSize: integer(row, 'max_file_size'),
    dashboardContext: text(row, 'dashboard_context'),
    expectedFileSize: integerOrNull(row, 'expected_file_size'),
    fileFormat: textOrNull(row, 'file_format'),
    filename: textOrNull(row, 'filename'),
    sha256: textOrNull(row, 'sha256'),
    uploadMetadata: textOrNull(row, 'upload_metadata'),
    ...(uploadConcat !== null && { uploadConcat }),
    status: toStatus(text(row, 'status')),
    expiresAt: integer(row, 'expires_at'),
    reservedBytes: integer(row, 'reserved_bytes'),
    reservedUntil: integerOrNull(row, 'reserved_until'),
    uploadOffset: integer(row, 'upload_offset'),
    uploadLength: integerOrNull(row, 'upload_length'),
    epoch: integer(row, 'epoch'),
    writer: textOrNull(row, 'writer'),
    sealed: integer(row, 'sealed') === 1,
    storage: textOrNull(row, 'storage'),
    detectedFormat: textOrNull(row, 'detected_format'),
    contentSha256: textOrNull(row, 'content_sha256'),
    completedAt: integerOrNull(row, 'completed_at'),
    failure: toFailure(textOrNull(row, 'failure')),
    ...(mergedInto !== null && { mergedInto }),
    endedAt: integerOrNull(row, 'ended_at'),
    dueAt: integerOrNull(row, 'due_at'),
    purgeAt: integerOrNull(row, 'purge_at'),
  };
}

function fixedValues(session: SessionRow): SQLInputValue[] {
  return [
    session.sessionId,
    session.userId,
    session.createdAt,
    session.ttlMs,
    session.maxLifetimeMs,
    session.maxFileSize,
    session.dashboardContext,
    session.expectedFileSize,
    session.fileFormat,
    session.filename,
    session.uploadMetadata,
    session.uploadConcat ?? null,
  ];
}

function mutableValues(session: SessionRow): SQLInputValue[] {
  return [
    session.status,
    session.expiresAt,
    session.reservedBytes,
    session.reservedUntil,
    session.uploadOffset,
    session.uploadLength,
    session.epoch,
    session.writer,
    session.sealed ? 1 : 0,
    session.storage,
    session.detectedFormat,
    session.sha256,
    session.contentSha256,
    session.completedAt,
    session.failure === null ? null : JSON.stringify(session.failure),
    session.endedAt,
    session.dueAt,
    session.purgeAt,
    session.mergedInto ?? null,
  ];
}

function toStatus(stored: string): SessionStatus {
  const status = SESSION_STATUSES.find((one) => one === stored);
  if (!status) throw new TypeError(`${stored} is not the status of a session`);
  return status;
}

function toFailure(json: string | null): Failure | null {
  if (json === null) return null;
  const stored: Failure = JSON.parse(json);
  return { error_code: stored.error_code, error_message: stored.error_message };
}
