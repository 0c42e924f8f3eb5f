/**
 * The page at `/` and the client package in it, built where they are missing or older than what they are made of.
 * Plain JavaScript: it runs on whatever Node the machine has, the builds themselves on the pinned one.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** In the order in which they need each other: made file, what it is made of, program, arguments. */
const STEPS = [
  {
    made: 'client/dist/browser.js',
    from: ['client/src', 'client/scripts/build.mjs', 'client/package.json'],
    run: ['client/scripts/build.mjs'],
  },
  {
    made: 'dashboard/dist/index.html',
    from: ['client/dist', 'dashboard/src', 'dashboard/index.html', 'dashboard/vite.config.ts'],
    run: ['node_modules/vite/bin/vite.js', 'build', 'dashboard', '--logLevel', 'warn'],
  },
];

/**
 * @param {string} node path of the pinned Node
 * @returns {string | null} a sentence where it could not be built
 */
export function buildPage(node, { always = false } = {}) {
  for (const { made, from, run } of STEPS) {
    if (!always && !isStale(made, from)) continue;
    process.stderr.write(`Building ${made.slice(0, made.lastIndexOf('/'))} …\n`);
    // Standard error: what a command prints on standard output stays its own.
    const { status } = spawnSync(node, run, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
    if (status !== 0)
      return `${made} could not be built; why stands above. Mend that, then run "npm run build".`;
    // A build that made the same as before leaves the old file: it is up to date all the same.
    utimesSync(join(root, made), new Date(), new Date());
  }
  return null;
}

function isStale(made, sources) {
  const built = newest(made);
  return built === null || sources.some((source) => (newest(source) ?? 0) > built);
}

/** Milliseconds since the epoch at which the file, or anything in the folder, changed last; null for nothing. */
function newest(name) {
  const path = join(root, name);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return null;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((entry) => newest(join(name, entry)) ?? 0));
}
