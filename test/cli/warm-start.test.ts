import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.mjs', import.meta.url));
const MAIN = new URL('../../src/main.ts', import.meta.url).href;

/** Has a process tell what of Node itself it has loaded when it ends. */
const TELL =
  'data:text/javascript,process.on("exit",()=>process.stderr.write(process.moduleLoadList.join()))';

test('a start that finds everything compiled does not load the type stripper', () => {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const args = ['--import', TELL, CLI, 'serve', '--help'];
  loadedBy(args, env);
  assert.equal(loadedBy(args, env).stripper, false);
});

test('the service does not load fetch, and keeps what is compiled where NODE_COMPILE_CACHE says', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-compiled-'));
  try {
    const env = { ...process.env, NODE_COMPILE_CACHE: folder };
    const args = ['--import', TELL, '--input-type=module', '--eval', `await import('${MAIN}')`];
    assert.deepEqual(loadedBy(args, env), { stripper: true, fetch: false });
    assert.deepEqual(loadedBy(args, env), { stripper: false, fetch: false });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function loadedBy(args: readonly string[], env: NodeJS.ProcessEnv): { stripper: boolean; fetch: boolean } {
  const { stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return { stripper: stderr.includes('deps/amaro'), fetch: stderr.includes('deps/undici') };
}
