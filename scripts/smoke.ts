/**
 * What a stranger does: clone into an empty folder, `npm start`, paste the printed commands. For CI, since it
 * installs all packages once more. Exit code 0 where the session reads `completed`.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pasteCommands } from './lib/printed-commands.ts';
import { freePort } from './lib/servers/free-port.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Installing all packages is most of it. */
const START_DEADLINE_MS = 10 * 60_000;

const folder = mkdtempSync(join(tmpdir(), 'sluice-clone-'));
try {
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', ROOT, folder], { stdio: 'inherit' });
  const startedAt = performance.now();
  const npm = spawn('npm', ['start'], {
    cwd: folder,
    env: strangersEnv(String(await freePort())),
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, so that nothing of it can be left behind.
    detached: true,
  });
  const deadline = setTimeout(() => endGroup(npm.pid), START_DEADLINE_MS);
  try {
    const printed = await untilPrinted(npm.stdout.setEncoding('utf8'), 'Stop with Ctrl-C');
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const { status } = await pasteCommands(printed);
    assert.equal(status, 'completed');
    console.log(`A fresh clone started in ${seconds} s, and the pasted commands uploaded a video.`);
    const exited = once(npm, 'exit');
    npm.kill('SIGTERM');
    await exited;
  } finally {
    clearTimeout(deadline);
    endGroup(npm.pid);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** No pinned Node on the PATH, nothing of the npm that runs this. */
function strangersEnv(port: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_COMPILE_CACHE$)/i.test(name));
  const path = (process.env.PATH ?? '').split(':').filter((part) => !part.endsWith('node_modules/.bin'));
  return { ...Object.fromEntries(own), PATH: path.join(':'), PORT: port };
}

async function untilPrinted(output: AsyncIterable<string>, marker: string): Promise<string> {
  let printed = '';
  for await (const text of output) {
    printed += text;
    if (printed.includes(marker)) return printed;
  }
  throw new Error(`npm start ended before it was ready:\n${printed}`);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
