import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { endWithUs, listenTo, untilReady } from '../../scripts/lib/servers/child.ts';
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
  const said = listenTo(child);
  const stop = endWithUs(child);
  try {
    // Servers of others tell in different ways that they are ready, so the port is asked.
    await untilReady(child, {
      name: program,
      isReady: () => takesConnections(port),
      deadlineMs: START_DEADLINE_MS,
      said,
    });
  } catch (error) {
    await stop();
    throw error;
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
