import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { paste } from '../protocol-suite/examples.ts';
import type { Block } from './blocks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a document's examples in their order: those for a shell in one shell, each script by itself. */
export async function runBlocks(
  blocks: readonly Block[],
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  const shell = blocks.filter(({ kind }) => kind === 'sh').map(({ text }) => text);
  const pasted = shell.length > 0 ? await paste(shell, env) : [];
  const printed: string[] = [];
  for (const { kind, text } of blocks) {
    printed.push(kind === 'sh' ? (pasted.shift() ?? '') : await runScript(kind, text, env));
  }
  return printed;
}

async function runScript(kind: string, text: string, env: Readonly<Record<string, string>>): Promise<string> {
  const type = kind === 'ts' ? 'module-typescript' : 'module';
  const { stdout } = await promisify(execFile)(process.execPath, [`--input-type=${type}`, '-e', text], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', ...env },
    timeout: 60_000,
  });
  return stdout;
}
