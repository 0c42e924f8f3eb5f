import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';

export type Order =
  | { readonly kind: 'open'; readonly file: string }
  | {
      readonly kind: 'settle';
      readonly userId: string;
      readonly sessions: readonly string[];
      readonly bytes: number;
      /** Length of the dashboard's context, where it is not to be a usual one. */
      readonly contextLength?: number;
    };

export type Answer =
  | { readonly kind: 'started' | 'opened' | 'done' }
  | { readonly kind: 'settled'; readonly sessionId: string }
  | { readonly kind: 'fault'; readonly message: string };

export interface LedgerProcess {
  order(order: Order): void;
  /** Answers until one of `kind` came, that one included. Throws where the process reports a fault. */
  until(kind: Answer['kind'], atLeast?: number): Promise<Answer[]>;
  /** As a crash would: nothing is closed. */
  kill(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('./sqlite-process.ts', import.meta.url));

/**
 * A real process with a ledger of its own; it has started, but has not opened anything yet. `maxFileKib`: the
 * system lets none of its files grow beyond that, as a full disk would.
 */
export async function startLedgerProcess({
  maxFileKib,
}: {
  maxFileKib?: number;
} = {}): Promise<LedgerProcess> {
  // POSIX counts this limit in blocks of 512 bytes.
  const limit = maxFileKib === undefined ? 'unlimited' : String(maxFileKib * 2);
  const child = spawn('sh', ['-c', `ulimit -f ${limit}; exec "$0" "$1"`, process.execPath, SCRIPT], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const answers = on(child, 'message', { close: ['exit'] });

  async function until(kind: Answer['kind'], atLeast = 1): Promise<Answer[]> {
    const seen: Answer[] = [];
    let found = 0;
    while (found < atLeast) {
      const next = await answers.next();
      if (next.done) throw new Error(`the process ended before it said "${kind}"`);
      const answer: Answer = next.value[0];
      if (answer.kind === 'fault') throw new Error(answer.message);
      if (answer.kind === kind) found += 1;
      seen.push(answer);
    }
    return seen;
  }

  await until('started');
  return {
    order: (order) => {
      child.send(order);
    },
    until,
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
