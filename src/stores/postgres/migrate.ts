import { readdirSync, readFileSync } from 'node:fs';
import { text } from '../sql/columns.ts';
import { refuseNewerSchema } from '../sql/newer-schema.ts';
import { openConnection } from './connection.ts';
import { startDeadline } from './deadline.ts';
import { translateFault, unavailable } from './faults.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** Instances that start together wait for the one that migrates. */
const DEADLINE_MS = 60_000;
const TIMEOUT_MS = 50_000;
/** Any number will do, as long as nobody else takes it in this database. */
const LOCK_KEY = 7_583_019_264;

/**
 * Bring the database up to this program's schema: plain SQL files, in the order of their names, forward only.
 * All of it is one transaction under an advisory lock (PostgreSQL's DDL is transactional), so any number of
 * instances may start at once: one migrates, the others wait and find it done; a crash leaves the old schema
 * whole. A database that is up to date is only read, so an instance needs no right to change its schema.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const connection = openConnection({
    databaseUrl,
    statementTimeoutMs: TIMEOUT_MS,
    lockTimeoutMs: TIMEOUT_MS,
  });
  const deadline = startDeadline(DEADLINE_MS, () => unavailable(new Error('migrating took too long')));

  async function bringUpToDate(): Promise<void> {
    if (missing(files, await applied((statement) => connection.query(statement, []))).length === 0) return;
    await connection.transaction(async (run) => {
      await run(`select pg_advisory_xact_lock(${LOCK_KEY})`);
      await run(
        `create table if not exists schema_migrations (
           name text primary key, applied_at timestamptz not null default now())`,
      );
      for (const file of missing(files, await applied(run))) {
        await run(readFileSync(new URL(file, FOLDER), 'utf8'));
        await run(`insert into schema_migrations (name) values ('${file}')`);
      }
    });
  }

  try {
    await deadline.race(bringUpToDate());
  } catch (error) {
    throw translateFault(error);
  } finally {
    deadline.clear();
    connection.destroy();
  }
}

async function applied(run: (statement: string) => Promise<readonly Record<string, unknown>[]>) {
  const [found] = await run(`select to_regclass('schema_migrations') is not null as there`);
  if (!found?.there) return new Set<string>();
  const rows = await run('select name from schema_migrations');
  return new Set(rows.map((row) => text(row, 'name')));
}

function missing(files: readonly string[], done: ReadonlySet<string>): string[] {
  refuseNewerSchema(done, files);
  return files.filter((name) => !done.has(name));
}
