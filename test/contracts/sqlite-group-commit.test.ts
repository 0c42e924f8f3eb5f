import assert from 'node:assert/strict';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDatabase } from '../../src/stores/sqlite/database.ts';

const migrations = new URL('../../src/stores/sqlite/migrations/sessions/', import.meta.url);

/** A database with an empty table of numbers. */
async function openNumbers(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-group-commit-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const db = openDatabase({ file: join(folder, 'numbers.db'), durable: false, migrations });
  t.after(() => db.close());
  await db.write(() => void db.prepare('CREATE TABLE numbers (n INTEGER PRIMARY KEY)').run());
  const insert = db.prepare('INSERT INTO numbers VALUES (?)');
  const select = db.prepare('SELECT n FROM numbers ORDER BY rowid');
  return { db, folder, insert, numbers: () => db.read(() => select.all().map(({ n }) => n)) };
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

/** Holds every wish to have something on the disk until it is told how that ended. The files are real ones. */
async function holdSyncs(t: TestContext) {
  const file = await open(tmpdir());
  await file.close();
  const held: PromiseWithResolvers<void>[] = [];
  const waiting: ((one: PromiseWithResolvers<void>) => void)[] = [];
  const mock = t.mock.method(Object.getPrototypeOf(file), 'datasync', () => {
    const one = Promise.withResolvers<void>();
    const taker = waiting.shift();
    if (taker) taker(one);
    else held.push(one);
    return one.promise;
  });
  return {
    count: () => mock.mock.callCount(),
    next: () =>
      new Promise<PromiseWithResolvers<void>>((resolve) => {
        const one = held.shift();
        if (one) resolve(one);
        else waiting.push(resolve);
      }),
  };
}

test('a durable write is answered once the disk has it; others see it before, go on, and do not wait', async (t) => {
  const { db, insert, numbers } = await openNumbers(t);
  const syncs = await holdSyncs(t);
  let isDurable = false;
  const durable = db.writeDurably(() => void insert.run(1)).then(() => (isDurable = true));
  const beside = db.write(() => void insert.run(2));
  const sync = await syncs.next();
  await beside;
  await db.writeLoosely(() => void insert.run(3));
  assert.deepEqual(await numbers(), [1, 2, 3]);
  assert.equal(isDurable, false, 'the disk has not answered');

  const later = [4, 5].map((n) => db.writeDurably(() => void insert.run(n)));
  await db.write(() => {});
  assert.deepEqual(await numbers(), [1, 2, 3, 4, 5], 'later ones are committed meanwhile');
  sync.resolve();
  await durable;
  (await syncs.next()).resolve();
  await Promise.all(later);
  assert.equal(syncs.count(), 2, 'those who came later shared one sync, begun after they were committed');
});

test('where every write is durable, each waits for the disk but those that are said to be loose', async (t) => {
  const { folder } = await openNumbers(t);
  const db = openDatabase({ file: join(folder, 'durable.db'), durable: true, migrations });
  t.after(() => db.close());
  const syncs = await holdSyncs(t);
  await db.writeLoosely(() => {});
  assert.equal(syncs.count(), 0);
  const written = db.write(() => {});
  (await syncs.next()).resolve();
  await written;
});

test('a disk that refused is not believed again before SQLite has brought the log into the database', async (t) => {
  const { db, insert, numbers, folder } = await openNumbers(t);
  const log = join(folder, 'numbers.db-wal');
  const syncs = await holdSyncs(t);
  const refused = db.writeDurably(() => void insert.run(1));
  (await syncs.next()).reject(Object.assign(new Error('a bad sector'), { code: 'EIO' }));
  await assert.rejects(refused, { code: 'LEDGER_UNAVAILABLE' });
  assert.ok((await stat(log)).size > 0);

  await db.writeDurably(() => void insert.run(2));
  assert.equal(syncs.count(), 1, 'the next one was not asked of the log');
  assert.equal((await stat(log)).size, 0, 'all of it stands in the database');
  assert.deepEqual(await numbers(), [1, 2]);
  const asBefore = db.writeDurably(() => void insert.run(3));
  (await syncs.next()).resolve();
  await asBefore;
});

test('a disk that does not answer is given up after twenty seconds', async (t) => {
  const { db, insert } = await openNumbers(t);
  const syncs = await holdSyncs(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const hanging = db.writeDurably(() => void insert.run(1));
  const sync = await syncs.next();
  t.mock.timers.tick(20_000);
  await assert.rejects(hanging, { code: 'LEDGER_UNAVAILABLE' });
  sync.resolve();
});
