import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { migrate } from '../../src/stores/postgres/migrate.ts';

/** A database of a test's own. */
export interface TestDatabase {
  readonly url: string;
  query(text: string): Promise<readonly Record<string, unknown>[]>;
  /** The ledger's clock, milliseconds since the epoch, for every connection to this database. */
  now(): Promise<number>;
  advance(ms: number): Promise<void>;
  drop(): Promise<void>;
}

function testServerUrl(): string {
  const url = process.env.SLUICE_TEST_DATABASE_URL;
  if (!url) throw new Error('SLUICE_TEST_DATABASE_URL is not set: run the tests with "npm test".');
  return url;
}

/** Migrated, empty, and with a clock that the test can move. */
export async function createTestDatabase(serverUrl = testServerUrl()): Promise<TestDatabase> {
  return open(serverUrl, await templateOf(serverUrl));
}

/** As an operator makes it, before any instance has started. */
export async function createEmptyDatabase(serverUrl = testServerUrl()): Promise<TestDatabase> {
  return open(serverUrl, 'template1');
}

const templates = new Map<string, Promise<string>>();

/** Migrated once per test file; its databases are copies, which take a twentieth of a second. */
function templateOf(serverUrl: string): Promise<string> {
  let template = templates.get(serverUrl);
  if (!template) {
    template = makeTemplate(serverUrl);
    templates.set(serverUrl, template);
  }
  return template;
}

async function makeTemplate(serverUrl: string): Promise<string> {
  const name = newName('template');
  await administer(serverUrl, `create database ${name}`);
  const url = addressOf(serverUrl, name);
  await migrate(url);
  const sql = connect(url);
  try {
    await sql.unsafe(`
      create table test_clock (ahead bigint not null);
      insert into test_clock values (0);
      alter function ledger_now() rename to true_now;
      create function ledger_now() returns bigint language sql volatile as
        'select true_now() + ahead from test_clock';
    `);
  } finally {
    await sql.end();
  }
  return name;
}

async function open(serverUrl: string, template: string): Promise<TestDatabase> {
  const name = newName('test');
  await administer(serverUrl, `create database ${name} template ${template}`);
  const url = addressOf(serverUrl, name);
  const sql = connect(url);
  return {
    url,
    query: async (text) => sql.unsafe(text),
    now: async () => {
      const [row] = await sql.unsafe('select ledger_now() as now');
      return Number(row?.now);
    },
    advance: async (ms) => {
      await sql.unsafe(`update test_clock set ahead = ahead + ${ms}`);
    },
    drop: async () => {
      await sql.end({ timeout: 1 });
      await administer(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const sql = connect(serverUrl);
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

function connect(url: string) {
  return postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
}

function addressOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function newName(kind: string): string {
  return `sluice_${kind}_${randomBytes(6).toString('hex')}`;
}
