import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { createTestDatabase } from '../helpers/postgres.ts';
import { type Environment, run, tempFolder } from './run-cli.ts';

const REDIS = { REDIS_HOST: '127.0.0.1', REDIS_PORT: process.env.SLUICE_TEST_REDIS_PORT ?? '' };

interface Place {
  readonly what: string;
  readonly said: RegExp;
  /** An environment whose database a newer program has migrated. */
  readonly migrated: (t: TestContext) => Promise<Environment>;
}

const PLACES: readonly Place[] = [
  {
    what: 'PostgreSQL',
    said: /^PostgreSQL \(127\.0\.0\.1:\d+\) was written by a newer version of this program \(unknown migrations: 9999-future\.sql\)/m,
    async migrated(t) {
      const database = await createTestDatabase();
      t.after(() => database.drop());
      await database.query("insert into schema_migrations (name) values ('9999-future.sql')");
      return { ...REDIS, REDIS_KEY_PREFIX: 'test_older', DATABASE_URL: database.url };
    },
  },
  ...['ledger', 'sessions'].map((set) => ({
    what: `the ${set} of the embedded profile`,
    said: new RegExp(
      `${set}\\.db was written by a newer version of this program \\(unknown migrations: ${set}/9999-future\\.sql\\)`,
    ),
    migrated: (t: TestContext) => migratedFile(t, set),
  })),
];

async function migratedFile(t: TestContext, set: string): Promise<Environment> {
  const DATA_DIR = await tempFolder(t);
  assert.equal((await run(['users', 'list', '--embedded'], { DATA_DIR })).code, 0);
  const database = new DatabaseSync(join(DATA_DIR, `${set}.db`));
  database.exec(`INSERT INTO schema_migrations VALUES ('${set}/9999-future.sql', '2030-01-01T00:00:00Z')`);
  database.close();
  return { DATA_DIR };
}

for (const { what, said, migrated } of PLACES) {
  test(`${what}, migrated by a newer program, ends an older one with a sentence and 78`, async (t) => {
    const env = { DATA_DIR: await tempFolder(t), PORT: '0', ...(await migrated(t)) };
    const commands = [
      ['serve'],
      ['users', 'list'],
      ['sweep'],
      ...(what.includes('sessions') ? [] : [['events', 'list']]),
    ];
    for (const args of commands) {
      const { code, err } = await run([...args, '--embedded'], env);
      assert.equal(code, 78, `${args}: ${err}`);
      assert.match(err, said);
      assert.doesNotMatch(err, /SluiceError|\bat .*\.ts/);
    }
    const { code, out } = await run(['doctor', '--embedded'], env);
    assert.equal(code, 1);
    assert.match(out, /BAD {2}databases .*newer version.*\n {5}-> mend what the sentence names/);
  });
}
