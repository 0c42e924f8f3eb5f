import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Program {
  /** Name of the executable. */
  readonly name: string;
  /** Debian's package that brings it. */
  readonly debianPackage: string;
  /** Where else to look, for packages that install beside the PATH. */
  readonly otherFolders?: readonly string[];
}

/**
 * Path of the program: from the PATH, else from Debian's packages where this process may install them.
 * Throws with one sentence that says what to install where neither works.
 */
export function findProgram(program: Program): string {
  const found = lookUp(program);
  if (found) return found;
  if (mayInstall()) {
    process.stderr.write(`Installing Debian's ${program.debianPackage} for the tests …\n`);
    if (
      apt('update', '-qq') &&
      apt('install', '-y', '-qq', '--no-install-recommends', program.debianPackage)
    ) {
      const installed = lookUp(program);
      if (installed) return installed;
    }
  }
  throw new Error(
    `The tests need "${program.name}" on the PATH: install it ` +
      `(Debian and Ubuntu: "apt-get install ${program.debianPackage}"), then run them again.`,
  );
}

/** Path of the program where it is installed, or null. */
export function lookUp({ name, otherFolders = [] }: Pick<Program, 'name' | 'otherFolders'>): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...otherFolders];
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && lookUp({ name: 'apt-get' }) !== null;
}

function apt(...args: string[]): boolean {
  const result = spawnSync('apt-get', args, {
    // A freshly installed server must not be started as a service of this machine: tests start their own.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: ['ignore', process.stderr, process.stderr],
  });
  return result.status === 0;
}
