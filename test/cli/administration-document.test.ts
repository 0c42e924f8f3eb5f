import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startAdminApp } from '../http/admin-app.ts';
import { tempFolder } from './run-cli.ts';

const root = new URL('../../', import.meta.url);
const CLI = fileURLToPath(new URL('src/cli.mjs', root));

test('the commands of docs/administration.md do what it says, from top to bottom', async (t) => {
  const app = await startAdminApp(t, 'sqlite');
  await app.open(randomUUID(), 1000);
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'sluice'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  await chmod(join(folder, 'sluice'), 0o755);
  const page = await readFile(new URL('docs/administration.md', root), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  assert.ok(blocks.length >= 5);

  // As somebody types it in: the first command that fails ends it.
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const shell = spawn('sh', ['-eu'], {
    cwd: folder,
    env: { PATH: `${folder}:${PATH}`, NODE_COMPILE_CACHE, SLUICE: app.url, ...app.commandEnv },
  });
  shell.stdin.end(blocks.join('\n').replaceAll('curl -sS', 'curl -sS --fail-with-body'));
  const [out, err, [code]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, 'close'),
  ]);
  assert.equal(code, 0, `${out}\n${err}`);

  const user = '12345678-1234-5678-9012-123456789012';
  assert.match(out, new RegExp(`line 2  ${user}  would change  default -> 53687091200`));
  assert.equal((await app.admin(`/users/${user}/quota`)).body.quota_limit, 50 * 2 ** 30);
  const [byCommand, byApi] = await Promise.all(
    ['usage.csv', 'usage-by-api.csv'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  assert.equal(byCommand, byApi);
  assert.match(out, /ok {3}session_store/);
});
