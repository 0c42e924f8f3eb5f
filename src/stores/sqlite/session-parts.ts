import type { Part } from '../../core/ports.ts';
import { integer, text } from '../sql/columns.ts';
import type { Database } from './database.ts';

/** Rows of `session_parts`, for use inside a transaction. */
export function createSessionParts(db: Database) {
  const put = db.prepare('INSERT OR REPLACE INTO session_parts VALUES (?, ?, ?, ?, ?)');
  const remove = db.prepare('DELETE FROM session_parts WHERE session_id = ?');
  const select = db.prepare('SELECT * FROM session_parts WHERE session_id = ? ORDER BY part_index');

  return {
    add(sessionId: string, parts: readonly Part[]): void {
      for (const { index, number, bytes, etag } of parts) put.run(sessionId, index, number, bytes, etag);
    },

    removeAll(sessionId: string): void {
      remove.run(sessionId);
    },

    of(sessionId: string): Part[] {
      return select.all(sessionId).map((row) => ({
        index: integer(row, 'part_index'),
        number: integer(row, 'number'),
        bytes: integer(row, 'bytes'),
        etag: text(row, 'etag'),
      }));
    },
  };
}
