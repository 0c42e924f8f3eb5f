import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDatabase } from '../../src/stores/sqlite/database.ts';

const migrations = new URL('../../src/stores/sqlite/migrations/sessions/', import.meta.url);

/** A database with an empty table of numbers. */
async function openNumbers(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-group-commit-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const db = openDatabase({ file: join(folder, 'numbers.db'), synchronous: 'NORMAL', migrations });
  t.after(() => db.close());
  await db.write(() => void db.prepare('CREATE TABLE numbers (n INTEGER PRIMARY KEY)').run());
  const insert = db.prepare('INSERT INTO numbers VALUES (?)');
  const select = db.prepare('SELECT n FROM numbers ORDER BY rowid');
  return { db, insert, numbers: () => db.read(() => select.all().map(({ n }) => n)) };
}

test('of writes that are committed together one that throws is undone, all of it, and no other', async (t) => {
  const { db, insert, numbers } = await openNumbers(t);
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map((n) =>
      db.write(() => {
        insert.run(n);
        insert.run(n + 10);
        if (n === 2) throw new RangeError('not two');
        return n;
      }),
    ),
  );
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.name)),
    [1, 'RangeError', 3],
  );
  assert.deepEqual(await numbers(), [1, 3, 11, 13]);
});

test('each write sees what those before it in the same turn have written', async (t) => {
  const { db, insert } = await openNumbers(t);
  const count = db.prepare('SELECT count(*) AS count FROM numbers');
  const seen = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      db.write(() => {
        insert.run(n);
        return count.get()?.count;
      }),
    ),
  );
  assert.deepEqual(
    seen,
    Array.from({ length: 200 }, (_, n) => n + 1),
  );
});

test('the disk is waited for where one of those that are committed together asks for it, and for no others', async (t) => {
  for (const synchronous of ['FULL', 'NORMAL'] as const) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-group-commit-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const db = openDatabase({ file: join(folder, 'numbers.db'), synchronous, migrations });
    t.after(() => db.close());
    const setting = db.prepare('PRAGMA synchronous');
    const level = () => setting.get()?.synchronous;
    const [normal, full] = [1, 2];
    const usual = synchronous === 'FULL' ? full : normal;
    assert.equal(await db.write(level), usual);
    assert.equal(await db.writeLoosely(level), normal);
    assert.equal(await db.writeDurably(level), full);
    assert.deepEqual(await Promise.all([db.writeLoosely(level), db.writeDurably(level)]), [full, full]);
    assert.equal(await db.write(level), usual, 'as before');
  }
});
