import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gatherLines } from '../../src/log/gather-lines.ts';

test('the lines of one turn are one write, in order, and the next turn has its own', async () => {
  const writes: string[] = [];
  const log = gatherLines({ write: (text) => void writes.push(text) });
  log.write('one\n');
  log.write('two\n');
  await nextTurn();
  assert.deepEqual(writes, ['one\ntwo\n']);
  log.write('three\n');
  await nextTurn();
  await nextTurn();
  assert.deepEqual(writes, ['one\ntwo\n', 'three\n']);
});

for (const [how, end] of [
  ['exits', 'process.exit(3)'],
  ['dies of an uncaught error', 'throw new Error("uncaught")'],
] as const) {
  test(`what is logged just before the process ${how} is written`, () => {
    const module = JSON.stringify(import.meta.resolve('../../src/log/gather-lines.ts'));
    const program = `
      import { writeSync } from 'node:fs';
      import { gatherLines } from ${module};
      const log = gatherLines({ write: (text) => writeSync(1, text) });
      log.write('last words\\n');
      ${end};`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    assert.equal(stdout, 'last words\n');
  });
}
