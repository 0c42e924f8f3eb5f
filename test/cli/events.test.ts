import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { openLedger } from '../../src/main/open-stores.ts';
import { type Environment, run, tempFolder } from './run-cli.ts';

/** An outbox with as many events, e1 being the oldest. */
async function withEvents(t: TestContext, count: number): Promise<Environment> {
  const env = { DATA_DIR: await tempFolder(t) };
  const loaded = loadConfig(env, 'embedded');
  assert.ok(loaded.ok);
  const ledger = await openLedger(loaded.config, pino({ level: 'silent' }));
  for (let n = 1; n <= count; n += 1) {
    await ledger.record({ id: `e${n}`, kind: 'upload.failed', subject: `s${n}`, payload: '{}' });
  }
  await ledger.close();
  return env;
}

test('of more events than are listed, pending ones come oldest first, all others newest first', async (t) => {
  const env = await withEvents(t, 60);
  const ids = async (...more: readonly string[]) => {
    const { out } = await run(['events', 'list', '--json', ...more], env);
    return JSON.parse(out).map(({ id }: { id: string }) => id);
  };
  const pending = await ids('--status', 'pending');
  assert.equal(pending.length, 50);
  assert.deepEqual(pending.slice(0, 2), ['e1', 'e2']);
  assert.deepEqual(await ids('--limit', '2'), ['e60', 'e59']);
});

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
