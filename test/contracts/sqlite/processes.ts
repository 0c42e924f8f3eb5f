import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a process says besides the answers of its own. */
export type Report = { readonly kind: 'started' } | { readonly kind: 'fault'; readonly message: string };

/** A real process on the same file, which takes orders and reports what it has done. */
export interface PeerProcess<Order, Answer extends { readonly kind: string }> {
  order(order: Order): void;
  /** Answers until `atLeast` of `kind` came, those included. Throws where the process reports a fault. */
  until(kind: Answer['kind'], atLeast?: number): Promise<Answer[]>;
  /** As a crash would: nothing is closed. */
  kill(): Promise<void>;
}

/**
 * It has started, but has not opened anything yet. `maxFileKib`: the system lets none of its files grow
 * beyond that, as a full disk would.
 */
export async function startProcess<Order, Answer extends { readonly kind: string }>(
  script: URL,
  { maxFileKib }: { maxFileKib?: number } = {},
): Promise<PeerProcess<Order, Answer>> {
  // POSIX counts this limit in blocks of 512 bytes.
  const limit = maxFileKib === undefined ? 'unlimited' : String(maxFileKib * 2);
  const command = `ulimit -f ${limit}; exec "$0" "$1"`;
  const child = spawn('sh', ['-c', command, process.execPath, fileURLToPath(script)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const messages = on(child, 'message', { close: ['exit'] });

  async function next(): Promise<Answer | Report> {
    const { done, value } = await messages.next();
    if (done) throw new Error('the process ended before it answered');
    return value[0];
  }

  const isFault = (message: Answer | Report): message is Report & { kind: 'fault' } =>
    message.kind === 'fault';
  const isReport = (message: Answer | Report): message is Report =>
    message.kind === 'started' || isFault(message);

  await next();
  return {
    order: (order) => {
      child.send(Object(order));
    },
    until: async (kind, atLeast = 1) => {
      const answers: Answer[] = [];
      let found = 0;
      while (found < atLeast) {
        const message = await next();
        if (isFault(message)) throw new Error(message.message);
        if (isReport(message)) continue;
        if (message.kind === kind) found += 1;
        answers.push(message);
      }
      return answers;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Several of them, all started before the first one gets an order. */
export function startProcesses<Order, Answer extends { readonly kind: string }>(
  howMany: number,
  start: () => Promise<PeerProcess<Order, Answer>>,
): Promise<PeerProcess<Order, Answer>[]> {
  return Promise.all(Array.from({ length: howMany }, start));
}
