import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what is built or installed for the benchmarks is kept, outside the repository. */
export function cacheFolder(name: string): string {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice', 'bench', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Run a command to its end; gives what it printed. Throws one sentence where it fails. */
export function runCommand(program: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const result = spawnSync(program, args, { ...options, encoding: 'utf8' });
  if (result.error) throw new Error(`${program} cannot be run: ${result.error.message}`);
  if (result.status !== 0) {
    const last = `${result.stdout}\n${result.stderr}`.trim().split('\n').at(-1);
    throw new Error(`"${[program, ...args].join(' ')}" ended with ${result.status}: ${last}`);
  }
  return `${result.stdout}`.trim();
}
