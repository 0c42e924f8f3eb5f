import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';

/**
 * A server that ends with this process at the latest, whatever way out that takes; a SIGKILL is the only one that
 * leaves it behind.
 *
 * @returns Ends it by `signal` and waits until it is gone. May be called again.
 */
export function endWithUs(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): () => Promise<void> {
  const killOnExit = () => child.kill('SIGKILL');
  process.once('exit', killOnExit);
  return async () => {
    process.off('exit', killOnExit);
    if (hasEnded(child) || child.pid === undefined) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The last words of a server, for the error that says it did not start. Its outputs are read on: a full pipe would stop it. */
export function listenTo(child: ChildProcess): () => string {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
  }
  child.once('error', (error) => {
    said += error.message;
  });
  return () => said;
}

/** Ask until the answer is yes, of a server that tells nobody when it is ready. Throws where it ends or takes too long. */
export async function untilReady(
  child: ChildProcess,
  options: {
    readonly name: string;
    readonly isReady: () => Promise<boolean>;
    readonly deadlineMs: number;
    readonly said: () => string;
  },
): Promise<void> {
  const { name, isReady, deadlineMs, said } = options;
  const giveUpAt = performance.now() + deadlineMs;
  while (!(await isReady())) {
    if (hasEnded(child) || child.pid === undefined) throw new Error(`${name} did not start:\n${said()}`);
    if (performance.now() > giveUpAt) throw new Error(`${name} did not answer in time:\n${said()}`);
    await setTimeout(25);
  }
}

/** Whether a GET of `url` is answered with a 2xx. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
