import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Running } from './contract.ts';

const START_DEADLINE_MS = 20_000;

/** Start a server and wait until its port takes connections. Whatever it prints is shown where it does not start. */
export async function startServer(
  command: readonly string[],
  options: { readonly port: number; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<Running> {
  const { port, env = {}, cwd } = options;
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const killOnExit = () => child.kill('SIGKILL');
  process.once('exit', killOnExit);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said = (said + text).slice(-2000);
    });
  }
  let fault: Error | null = null;
  child.once('error', (error) => {
    fault = error;
  });

  async function stop(): Promise<void> {
    process.off('exit', killOnExit);
    await end(child);
  }

  const deadline = Date.now() + START_DEADLINE_MS;
  // Servers of others tell in different ways that they are ready, so the port is asked.
  while (!(await takesConnections(port))) {
    if (fault ?? (child.exitCode !== null || Date.now() > deadline)) {
      await stop();
      throw new Error(`${program} does not start: ${fault ?? said.trim().split('\n').at(-1)}`);
    }
    await setTimeout(20);
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop };
}

function takesConnections(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
