import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithUs } from './child.ts';
import { freePort } from './free-port.ts';
import { findProgram } from './program.ts';
import type { RunningServer, TestServer } from './server.ts';

export interface RunningRedis extends RunningServer {
  readonly port: number;
  readonly pid: number;
}

export interface RedisOptions {
  /** That one instead of a free one. */
  readonly port?: number;
  /** Further arguments of redis-server, which win. */
  readonly settings?: readonly string[];
  /** Its folder, which the caller removes; default: one of its own. */
  readonly folder?: string;
}

export const redisServer: TestServer = { name: 'Redis', start: () => startRedis() };

/** One redis-server that keeps nothing on disk, unless the settings say otherwise. */
export async function startRedis(options: RedisOptions = {}): Promise<RunningRedis> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'sluice-redis-')));
  const port = options.port ?? (await freePort());
  const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  return launchRedis(['--port', String(port), ...settings, ...(options.settings ?? [])], {
    port,
    readyWhen: 'Ready to accept connections',
    release: async () => {
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  });
}

interface Launch {
  readonly port: number;
  /** What it prints when it is. */
  readonly readyWhen: string;
  /** Called once it has ended. */
  readonly release: () => Promise<void>;
}

/** The program redis-server, as whatever its arguments make of it. */
export async function launchRedis(args: readonly string[], launch: Launch): Promise<RunningRedis> {
  const { port } = launch;
  const program = findProgram({ name: 'redis-server', debianPackage: 'redis-server' });
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });

  const end = endWithUs(child);
  const stop = async () => {
    await end();
    await launch.release();
  };

  try {
    await untilReady(child, launch);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid ?? 0, env: { SLUICE_TEST_REDIS_PORT: String(port) }, stop };
}

async function untilReady(child: ChildProcess, { port, readyWhen }: Launch): Promise<void> {
  if (!child.stdout) throw new Error('redis-server was started without its output');
  const said: string[] = [];
  // The lines are read on after readiness, or a full pipe would stop the server.
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes(readyWhen)) resolve();
      else if (said.length < 50) said.push(line);
    });
    child.once('error', reject);
    child.once('exit', () =>
      reject(new Error(`redis-server did not start on port ${port}:\n${said.join('\n')}`)),
    );
  });
  await ready;
}
