/**
 * The first thing every command of this project runs, on whatever Node the machine has (20 or newer): it
 * brings node_modules to exactly what package-lock.json says, then hands over to the Node pinned there.
 * Plain JavaScript on purpose: nothing is installed yet, and older Nodes do not strip types.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideLibraries } from './needed-libraries.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = join(root, 'node_modules');

/** Where Node keeps what it has compiled. Goes with node_modules. */
const compiled = join(modules, '.cache', 'node');

/** Version of the Node that can run the installer and this file. */
const OLDEST_NODE = 20;

/** Why an install is due, or null where node_modules is what the lock file says. */
function reasonToInstall() {
  if (!existsSync(modules)) return 'node_modules is not there yet';
  const installed = readPackages(join(modules, '.package-lock.json'));
  if (!installed) return 'node_modules is not complete';
  const locked = readPackages(join(root, 'package-lock.json')) ?? {};
  for (const [path, wanted] of Object.entries(locked)) {
    // The project itself and its workspaces are not installed, they are here.
    if (!path.includes('node_modules/')) continue;
    const found = installed[path];
    // An optional package is for another platform where npm left it out.
    if (!found && !wanted.optional) return `${path} is missing`;
    if (found && found.version !== wanted.version) {
      return `${path} is ${found.version}, package-lock.json says ${wanted.version}`;
    }
  }
  return null;
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return null;
  }
}

function installAsLocked(reason) {
  // Standard error, so that what a command prints on standard output stays its own.
  process.stderr.write(`Installing as package-lock.json says (${reason}): npm ci …\n`);
  // npm ci deletes node_modules, and with it the pinned Node: npm must not run on that one.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
    .join(delimiter);
  // Development packages are needed always: the pinned Node is one of them.
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev'], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', process.stderr, process.stderr],
    shell: process.platform === 'win32',
  });
  if (result.status === 0) return;
  const why = result.error ? result.error.message : `npm ended with ${result.status ?? result.signal}`;
  fail(
    `The packages could not be installed (${why}; npm's own words stand above). Mend that, then start again.`,
  );
}

function pinnedNode() {
  const candidates = [join(modules, 'node', 'bin', 'node'), join(modules, '.bin', 'node')];
  const found = candidates.find((file) => existsSync(file));
  if (found) return found;
  return fail(
    'The pinned Node is missing from node_modules: npm was told to run no install scripts. ' +
      'Run "npm rebuild node --ignore-scripts=false", then start again.',
  );
}

/**
 * Strip the service's types once, in a process that ends: what that takes, 20 MB of memory and half the time of
 * a start, is not taken from the service. Where it fails the service does it itself.
 */
function compileOnce(node, env) {
  spawnSync(node, [join(root, 'scripts', 'compile.mjs')], { cwd: root, env, stdio: 'ignore' });
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

/**
 * Run a file of this project on the pinned Node, installing first where that is due. Signals reach the
 * child; its exit code becomes this process's own. Never returns.
 *
 * `prepare` is called with the path of the pinned Node before; a sentence that it gives back ends everything.
 */
export function runOnPinnedNode(file, args, nodeFlags = [], prepare = () => null) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    fail(
      `Sluice needs Node ${OLDEST_NODE} or newer to start; this is ${process.version}. Install a newer Node.`,
    );
  }
  const reason = reasonToInstall();
  if (reason) {
    const missing = provideLibraries();
    if (missing) fail(missing);
    installAsLocked(reason);
  }

  const node = pinnedNode();
  const fault = prepare(node);
  if (fault) fail(fault);
  const env = { NODE_COMPILE_CACHE: compiled, ...process.env };
  if (!existsSync(env.NODE_COMPILE_CACHE)) compileOnce(node, env);
  const child = spawn(node, [...nodeFlags, join(root, file), ...args], { env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // On a terminal Ctrl-C reaches the whole process group: the child has it already.
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`The pinned Node does not run here: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
