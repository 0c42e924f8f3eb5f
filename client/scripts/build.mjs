// Makes dist/: JavaScript and types from src/, by the root's TypeScript.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const dist = join(root, 'dist');
const fresh = mkdtempSync(join(root, '.dist-'));

try {
  const compile = [join(typescript, 'bin/tsc'), '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh];
  execFileSync(process.execPath, compile, { stdio: 'inherit' });

  // The compiler rewrites `.ts` in imports of the JavaScript only; not every tool finds a declaration by it.
  for (const file of filesOf(fresh).filter((name) => name.endsWith('.d.ts'))) {
    const path = join(fresh, file);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(from '\.[^']*)\.ts'/g, "$1.js'"));
  }

  // Whoever uses dist/ at this moment is disturbed only where something changed.
  if (!isSame(fresh, dist)) {
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function filesOf(folder) {
  return globSync('**/*.{js,d.ts}', { cwd: folder }).sort();
}

function isSame(one, other) {
  if (!existsSync(other)) return false;
  const names = filesOf(one);
  if (names.join() !== filesOf(other).join()) return false;
  return names.every((name) => readFileSync(join(one, name)).equals(readFileSync(join(other, name))));
}
