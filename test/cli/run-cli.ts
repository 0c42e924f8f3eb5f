import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.mjs', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export type Environment = Readonly<Record<string, string>>;

function start(args: readonly string[], env: Environment): ChildProcess {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return spawn(process.execPath, [CLI, ...args], { env: { PATH, NODE_COMPILE_CACHE, ...env } });
}

/** Runs the command to its end, `input` on its standard input. */
export async function run(args: readonly string[], env: Environment, input = ''): Promise<Ended> {
  const child = start(args, env);
  child.stdin?.end(input);
  const [out, err, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'close'),
  ]);
  return { code, out, err };
}

export async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice cli-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the embedded service and waits for what it prints; ended after the test. */
export async function serve(
  t: TestContext,
  env: Environment,
): Promise<{ child: ChildProcess; greeting: string }> {
  const child = start(['serve', '--embedded'], { PORT: '0', ...env });
  t.after(() => child.exitCode ?? child.kill('SIGKILL'));
  let greeting = '';
  for await (const chunk of child.stdout ?? []) {
    greeting += chunk;
    if (greeting.includes('Ctrl-C')) break;
  }
  child.stdout?.resume();
  return { child, greeting };
}

/** The audit lines on standard error. */
export function auditLines({ err }: Ended): Record<string, unknown>[] {
  return err
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ audit }) => audit === true);
}
