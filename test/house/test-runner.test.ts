import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('../../scripts/lib/run-tests.ts', import.meta.url));

test('leaves are counted, not the tests and suites around them', (t) => {
  const { code, lastLine } = run(t, {
    'a.test.ts': `
      test('parent', async (t) => { await t.test('one', () => {}); await t.test('two', () => {}); });
      describe('suite', () => { test('three', () => {}); });`,
    'b.test.ts': `test('four', () => {});`,
  });
  assert.deepEqual({ code, lastLine }, { code: 0, lastLine: '4 passed, 0 failed' });
});

test('a failing test fails the run, and is told with its message and line', (t) => {
  const { code, lastLine, output } = run(t, {
    'a.test.ts': `test('good', () => {}); test('bad', () => { throw new Error('it broke'); });`,
  });
  assert.deepEqual({ code, lastLine }, { code: 1, lastLine: '1 passed, 1 failed' });
  assert.match(output, /✖ bad \(.*a\.test\.ts:2\)[\s\S]*it broke/);
});

test('a skipped test, one to be written, and a file without tests count as failed', (t) => {
  const { code, lastLine } = run(t, {
    'a.test.ts': `test('skipped', { skip: true }, () => {}); test.todo('later'); test('good', () => {});`,
    'b.test.ts': '',
  });
  assert.deepEqual({ code, lastLine }, { code: 1, lastLine: '1 passed, 3 failed' });
});

test('a file that cannot be loaded counts as failed, and what it printed is shown', (t) => {
  const { code, lastLine, output } = run(t, { 'a.test.ts': `import './nowhere.ts';` });
  assert.deepEqual({ code, lastLine }, { code: 1, lastLine: '0 passed, 1 failed' });
  assert.match(output, /nowhere\.ts/);
});

test('a file that leaves something open is ended, counts as failed, and says what it left', (t) => {
  const { code, lastLine, output } = run(t, {
    'a.test.ts': `import { createServer } from 'node:net'; createServer().listen(0); test('good', () => {});`,
  });
  assert.deepEqual({ code, lastLine }, { code: 1, lastLine: '1 passed, 1 failed' });
  assert.match(output, /Left open: .*TCP/);
});

test('a file that is ended while tests of it have failed is told of, with all of them', (t) => {
  const { code, lastLine, output } = run(t, {
    'a.test.ts': `test('bad', () => { setInterval(() => {}, 1000); throw new Error('it broke'); });`,
  });
  assert.deepEqual({ code, lastLine }, { code: 1, lastLine: '0 passed, 1 failed' });
  assert.match(output, /✖ bad [\s\S]*it broke[\s\S]*Left open/);
});

test('a run without any test fails', (t) => {
  const { code, lastLine } = run(t, {});
  assert.deepEqual({ code, lastLine }, { code: 1, lastLine: '0 passed, 0 failed' });
});

/** Run the runner on these test files, in a folder and a process of their own. */
function run(
  t: TestContext,
  files: Readonly<Record<string, string>>,
): { code: number | null; lastLine: string; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-runner-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, body] of Object.entries(files)) {
    const header = body ? `import { describe, test } from 'node:test'; export { describe };\n` : '';
    writeFileSync(join(folder, name), header + body);
  }
  // Node refuses to run tests from within a test, and these need no servers.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawnSync(process.execPath, [RUNNER, '--no-servers', folder], {
    env: { ...env, SLUICE_TEST_GRACE_MS: '200' },
    encoding: 'utf8',
  });
  const output = child.stdout + child.stderr;
  return { code: child.status, lastLine: child.stdout.trimEnd().split('\n').at(-1) ?? '', output };
}
