import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPTS = fileURLToPath(new URL('../../scripts/', import.meta.url));

test('a fresh clone is installed as locked, once, and then the command runs', (t) => {
  const project = createProject(t);
  const first = project.run('console.log("it runs")');
  assert.deepEqual({ code: first.status, out: first.stdout }, { code: 0, out: 'it runs\n' });
  assert.match(first.stderr, /npm ci/);
  const second = project.run('console.log("it runs")');
  assert.deepEqual({ code: second.status, err: second.stderr }, { code: 0, err: '' });
  assert.deepEqual(project.npmCalls(), ['ci']);
});

test('a lock file that changed is installed again; a package of another platform is not missed', (t) => {
  const project = createProject(t);
  project.run('');
  project.lock({ 'node_modules/b': { version: '1.0.0', optional: true } });
  assert.equal(project.run('').status, 0);
  assert.deepEqual(project.npmCalls(), ['ci']);
  project.lock({ 'node_modules/a': { version: '2.0.0' } });
  assert.equal(project.run('').status, 0);
  assert.deepEqual(project.npmCalls(), ['ci', 'ci']);
});

test('where npm fails, its words are shown and the command does not run', (t) => {
  const project = createProject(t, { npmFails: true });
  const { status, stdout, stderr } = project.run('console.log("it runs")');
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
  assert.match(stderr, /registry is away[\s\S]*could not be installed/);
});

test('a library that the pinned Node needs is installed where it may be, else asked for by name', (t) => {
  const mended = createProject(t, { library: 'from apt-get' });
  const isRoot = process.getuid?.() === 0;
  const { status, stderr } = mended.run('');
  assert.equal(status, isRoot ? 0 : 1, stderr);
  assert.deepEqual(mended.npmCalls(), isRoot ? ['ci'] : []);

  const without = createProject(t, { library: 'nowhere' });
  const refused = without.run('console.log("it runs")');
  assert.deepEqual({ status: refused.status, out: refused.stdout }, { status: 1, out: '' });
  assert.match(refused.stderr, /libatomic\.so\.1[\s\S]*apt-get install libatomic1/);
  assert.deepEqual(without.npmCalls(), [], 'npm is not run in vain');
});

test("the service's modules are compiled once, before it starts", (t) => {
  const project = createProject(t);
  for (let start = 0; start < 2; start += 1) assert.equal(project.run('').status, 0);
  assert.equal(project.read('compiled'), 'once;');
});

test('exit codes and signals pass through', async (t) => {
  const project = createProject(t);
  assert.equal(project.run('process.exit(7)').status, 7);
  const child = project.start(`
    process.on('SIGTERM', () => process.exit(9));
    process.stdout.write('ready');
    setInterval(() => {}, 1000);`);
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 9);
});

/** A project of one locked package in a folder of its own, with an npm that only installs that one. */
function createProject(
  t: TestContext,
  options: { npmFails?: boolean; library?: 'from apt-get' | 'nowhere' } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-clone-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const lock = (more: object) => {
    const packages = { '': {}, 'node_modules/a': { version: '1.0.0' }, ...more };
    file('package-lock.json', JSON.stringify({ packages }));
  };
  for (const script of ['lib/pinned-node.mjs', 'lib/needed-libraries.mjs', 'compile.mjs']) {
    cpSync(join(SCRIPTS, script), join(folder, 'scripts', script), { recursive: true });
  }
  file(
    'go.mjs',
    `import { runOnPinnedNode } from './scripts/lib/pinned-node.mjs'; runOnPinnedNode('main.mjs', []);`,
  );
  const install = `mkdir -p node_modules/node/bin
    ln -sf '${process.execPath}' node_modules/node/bin/node
    cp package-lock.json node_modules/.package-lock.json`;
  const npm = options.npmFails ? 'echo registry is away >&2; exit 1' : install;
  const program = (name: string, body: string) => {
    file(`bin/${name}`, `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  };
  program('npm', `echo "$1" >> npm-calls\n${npm}`);
  if (options.library !== undefined) {
    program('ldconfig', 'cat libraries 2>/dev/null; exit 0');
    const brings = options.library === 'from apt-get' ? 'echo libatomic.so.1 > libraries' : 'exit 100';
    program('apt-get', `[ "$1" != install ] || ${brings}`);
  }
  file(
    'src/typed.ts',
    `import { appendFileSync } from 'node:fs'; appendFileSync('compiled', 'once;' as string);`,
  );
  lock({});
  const { NODE_COMPILE_CACHE: _, ...inherited } = process.env;
  const env = { ...inherited, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };

  return {
    lock,
    npmCalls: () => {
      const calls = join(folder, 'npm-calls');
      return existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
    },
    read: (name: string) => readFileSync(join(folder, name), 'utf8'),
    run(main: string) {
      file('main.mjs', main);
      return spawnSync(process.execPath, ['go.mjs'], { cwd: folder, env, encoding: 'utf8' });
    },
    start(main: string) {
      file('main.mjs', main);
      return spawn(process.execPath, ['go.mjs'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
    },
  };
}
