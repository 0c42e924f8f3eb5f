import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('../../scripts/lib/run-fault-tests.ts', import.meta.url));
const FAULT_ROW = new URL('../faults/fault-row.ts', import.meta.url).href;

test('the last thing a fault run prints is a table that says what was kept and what was broken', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-fault-table-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'a.test.ts');
  writeFileSync(
    file,
    `import { test } from 'node:test';
    import { faultRow, SEED } from ${JSON.stringify(FAULT_ROW)};
    test('good', (t) => faultRow(t, { fault: 'one', checked: 'A' }, async (figures) => { figures.lost = 0; figures.seed = SEED; }));
    test('bad', (t) => faultRow(t, { fault: 'two', checked: 'B' }, async (figures) => {
      figures.lost = 3;
      throw new Error('three are lost');
    }));`,
  );
  // Without its own mark of a test runner's child, in which the inner one would not run.
  const { NODE_TEST_CONTEXT: _mark, SLUICE_FAULTS_TABLE: _table, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, '--no-servers', file], {
    env: { ...env, SLUICE_SEED: '42' },
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.deepEqual(stdout.trimEnd().split('\n').slice(-4), [
    '| fault or load | checked | figures | verdict |',
    '|---|---|---|---|',
    '| one | A | lost: 0; seed: 42 | kept |',
    '| two | B | lost: 3 | BROKEN: three are lost |',
  ]);
});
