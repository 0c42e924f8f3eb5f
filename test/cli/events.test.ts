import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { openLedger } from '../../src/main/open-stores.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { type Environment, run, tempFolder } from './run-cli.ts';

/** An outbox with as many events, e1 being the oldest. */
async function withEvents(t: TestContext, count: number, more: Environment = {}): Promise<Environment> {
  const env = { DATA_DIR: await tempFolder(t), ...more };
  const ledger = await ledgerOf(env);
  for (let n = 1; n <= count; n += 1) {
    await ledger.record({ id: `e${n}`, kind: 'upload.failed', subject: randomUUID(), payload: '{}' });
  }
  await ledger.close();
  return env;
}

function ledgerOf(env: Environment) {
  const loaded = loadConfig(env, 'embedded');
  assert.ok(loaded.ok);
  return openLedger(loaded.config, pino({ level: 'silent' }));
}

for (const place of ['sqlite', 'postgresql'] as const) {
  test(`${place}: of more events than are listed, pending ones come oldest first, all others newest first`, async (t) => {
    const database = place === 'postgresql' ? await createTestDatabase() : null;
    t.after(() => database?.drop());
    const env = await withEvents(t, 60, database ? { DATABASE_URL: database.url } : {});
    const ids = async (...more: readonly string[]) => {
      const { out } = await run(['events', 'list', '--embedded', '--json', ...more], env);
      return JSON.parse(out).map(({ id }: { id: string }) => id);
    };
    const pending = await ids('--status', 'pending');
    assert.equal(pending.length, 50);
    assert.deepEqual(pending.slice(0, 2), ['e1', 'e2']);
    assert.deepEqual(await ids('--limit', '2'), ['e60', 'e59']);

    const ledger = await ledgerOf(env);
    try {
      const [, second] = await ledger.outbox.list({ limit: 2, after: 0 });
      const next = await ledger.outbox.list({ limit: 2, after: second?.sequence ?? 0, status: 'pending' });
      assert.deepEqual(
        next.map(({ id }) => id),
        ['e3', 'e4'],
      );
    } finally {
      await ledger.close();
    }
  });
}

test('replaying ids that no event has says so, and ends with 1', async (t) => {
  const env = await withEvents(t, 2);
  const replay = (...ids: readonly string[]) => run(['events', 'replay', ...ids], env);
  const said: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['e1'], 0, /^1 event is delivered once more\.$/m],
    [['nope'], 1, /^There is no such event\.$/m],
    [['nope', 'neither'], 1, /^There are no such events: none of the 2 ids is known\.$/m],
    [['e1', 'nope', 'e2'], 1, /^2 events are delivered once more\. Of the 3 ids 1 names no event\.$/m],
  ];
  for (const [ids, code, words] of said) {
    const ended = await replay(...ids);
    assert.equal(ended.code, code, ids.join());
    assert.match(ended.out, words);
  }
  const { out } = await replay('e1', 'nope', '--json');
  assert.deepEqual(JSON.parse(out), { replayed: 1, unknown: 1 });
  assert.equal((await replay('--dead')).code, 0);
});
