import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { folderFor, sharedRedis } from '../e2e/service.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts';
import { connectedRedis } from '../helpers/redis.ts';

/** A PostgreSQL database, a folder and a secret that any number of service processes share. */
export interface RealStores {
  readonly database: TestDatabase;
  readonly dataDir: string;
  /** On top of it comes where Redis is. */
  readonly env: Readonly<Record<string, string>>;
}

export async function realStores(t: TestContext, serverUrl?: string): Promise<RealStores> {
  const database = await createTestDatabase(serverUrl);
  t.after(() => database.drop().catch(() => {}));
  const dataDir = await folderFor(t);
  return {
    database,
    dataDir,
    env: {
      DATABASE_URL: database.url,
      SECRET_KEY: randomUUID() + randomUUID(),
      REDIS_EVENT_STREAM: `faults_${randomUUID()}`,
    },
  };
}

/** Variables for the tests' Redis under a prefix of one's own, whose keys are gone after the test. */
export function redisFor(t: TestContext): Readonly<Record<string, string>> {
  const { port, prefix, env } = sharedRedis();
  t.after(async () => {
    const redis = await connectedRedis(port);
    const keys = await redis.keys(`${prefix}:*`);
    if (keys.length > 0) await redis.unlink(keys);
    redis.disconnect();
  });
  return env;
}

/** What the ledger says of itself: every figure but `settled` has to be 0. */
export interface LedgerVerdict {
  readonly settled: number;
  /** Acknowledged completions that the ledger does not know. */
  readonly lost: number;
  /** Accounts whose used bytes are not the sum of their settlements. */
  readonly miscounted: number;
  /** Settlements without exactly one event, and events without a settlement. */
  readonly eventFaults: number;
}

/** @param acknowledged sessions whose completion a client was told of. */
export async function judgeLedger(
  database: TestDatabase,
  acknowledged: Iterable<string>,
): Promise<LedgerVerdict> {
  const rows = await database.query(`select session_id from uploads where state = 'settled'`);
  const settled = new Set(rows.map((row) => String(row.session_id)));
  const [accounts] = await database.query(`
    select count(*) as wrong from accounts a where used_bytes <>
      (select coalesce(sum(bytes), 0) from uploads u where u.user_id = a.user_id and state = 'settled')`);
  const [events] = await database.query(`
    select count(*) as wrong from
      (select session_id from uploads where state = 'settled') s full join
      (select subject from outbox where kind = 'upload.completed') e on e.subject = s.session_id
    where s.session_id is null or e.subject is null`);
  return {
    settled: settled.size,
    lost: [...acknowledged].filter((sessionId) => !settled.has(sessionId)).length,
    miscounted: Number(accounts?.wrong),
    eventFaults: Number(events?.wrong),
  };
}

export async function partialFiles(dataDir: string): Promise<string[]> {
  return readdir(join(dataDir, 'temp_uploads')).catch(() => []);
}
