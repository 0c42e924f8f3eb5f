import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { integer, text } from '../sql/columns.ts';
import { refuseNewerSchema } from '../sql/newer-schema.ts';

/**
 * Bring the file up to this program's schema: plain SQL files, in the order of their names, forward only.
 * Deciding and doing are one transaction that holds the write lock, and SQLite's DDL is transactional, so
 * several processes may start at once: one migrates, the others wait and find it done; a crash leaves the
 * old schema whole.
 *
 * Returns how often the file has been opened, this time included; `user_version`, which SQLite leaves to its users,
 * counts it.
 */
export function migrate(db: DatabaseSync, folder: URL): number {
  const set = basename(fileURLToPath(folder));
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();

  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL) STRICT',
    );
    const applied = appliedOf(db, set);
    refuseNewerSchema(
      applied,
      files.map((name) => `${set}/${name}`),
    );
    const record = db.prepare("INSERT INTO schema_migrations VALUES (?, strftime('%FT%TZ', 'now'))");
    for (const file of files) {
      const name = `${set}/${file}`;
      if (applied.has(name)) continue;
      db.exec(readFileSync(new URL(file, folder), 'utf8'));
      record.run(name);
    }
    const opening = integer(db.prepare('PRAGMA user_version').get() ?? {}, 'user_version') + 1;
    db.exec(`PRAGMA user_version = ${opening}`);
    db.exec('COMMIT');
    return opening;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function appliedOf(db: DatabaseSync, set: string): Set<string> {
  const rows = db.prepare("SELECT name FROM schema_migrations WHERE name LIKE ? || '/%'").all(set);
  return new Set(rows.map((row) => text(row, 'name')));
}
