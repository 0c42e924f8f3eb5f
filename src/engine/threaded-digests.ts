import { isMarkedAsUntransferable, Worker } from 'node:worker_threads';
import { releaseMemory } from '../core/release-memory.ts';
import type { FileDigest } from './file-digest.ts';

/**
 * Digests that are taken in a thread of their own, one for all uploads of the process, started by the first of them.
 * Stored pieces are not copied there but handed over, memory and all, and the thread frees them. Whoever hands over a
 * batch waits until it is hashed before he takes the next one, so no more memory is under way than if he did it himself.
 *
 * The thread holds nothing that is not stored: where it dies, digests under way are lost, which they tell, and the stored
 * bytes are read once more. The next upload starts another thread, unless the last one never did anything.
 */
export interface ThreadedDigests {
  /** Null where there is no thread to be had. */
  begin(): FileDigest | null;
  close(): Promise<void>;
}

/** What the thread is told; it replies to all but `drop`, in order. */
export type Message =
  | { readonly kind: 'update'; readonly id: number; readonly pieces: readonly ArrayBuffer[] }
  | { readonly kind: 'digest' | 'drop'; readonly id: number };

/** Null: hashed. */
export type Reply = string | null;

const LOST = Symbol('the thread has died');

/** A running thread and what it still owes an answer to. */
interface Line {
  readonly worker: Worker;
  readonly waiting: ((reply: Reply | typeof LOST) => void)[];
  alive: boolean;
  answered: boolean;
}

export function createThreadedDigests(start: () => Worker = startThread): ThreadedDigests {
  let line: Line | null = null;
  /** Closed, or there are no threads to be had. */
  let without = false;
  let lastId = 0;

  function startOrNull(): Worker | null {
    try {
      return start();
    } catch {
      return null;
    }
  }

  function openLine(): Line | null {
    if (line?.alive) return line;
    without ||= line !== null && !line.answered;
    const worker = without ? null : startOrNull();
    if (worker === null) {
      without = true;
      return null;
    }
    const opened: Line = { worker, waiting: [], alive: true, answered: false };
    const { waiting } = opened;
    worker.unref();
    worker.on('message', (reply: Reply) => {
      opened.answered = true;
      waiting.shift()?.(reply);
      if (waiting.length === 0) worker.unref();
    });
    worker.on('error', () => lose(opened));
    worker.on('exit', () => lose(opened));
    line = opened;
    return opened;
  }

  return {
    begin() {
      const opened = openLine();
      lastId += 1;
      return opened && digestOver(opened, lastId);
    },
    async close() {
      without = true;
      await line?.worker.terminate();
    },
  };
}

function digestOver(line: Line, id: number): FileDigest {
  let lost = false;
  let over = false;
  let hashed = Promise.resolve();

  async function update(pieces: readonly ArrayBuffer[]): Promise<void> {
    if ((await ask(line, { kind: 'update', id, pieces }, pieces)) === LOST) lost = true;
  }

  return {
    beside() {},
    ready: () => hashed,

    release(batch) {
      if (lost || !line.alive) {
        lost = true;
        releaseMemory(batch);
        return;
      }
      hashed = update(batch.map(ownMemoryOf));
    },

    async hex() {
      if (over || lost) return null;
      over = true;
      const reply = await ask(line, { kind: 'digest', id });
      return reply === LOST ? null : reply;
    },

    drop() {
      if (over) return;
      over = true;
      if (line.alive) line.worker.postMessage({ kind: 'drop', id } satisfies Message);
    },
  };
}

function ask(line: Line, message: Message, handedOver: readonly ArrayBuffer[] = []) {
  if (!line.alive) return Promise.resolve<typeof LOST>(LOST);
  return new Promise<Reply | typeof LOST>((resolve) => {
    // Only while somebody waits does the thread keep the process alive.
    if (line.waiting.length === 0) line.worker.ref();
    line.waiting.push(resolve);
    line.worker.postMessage(message, handedOver);
  });
}

function lose(line: Line): void {
  line.alive = false;
  for (const resolve of line.waiting.splice(0)) resolve(LOST);
}

/** The memory of a piece, to be handed over; a copy where it shares that with others. */
function ownMemoryOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isOwn && !isMarkedAsUntransferable(buffer)) return buffer;
  const copy = new Uint8Array(byteLength);
  copy.set(new Uint8Array(buffer, byteOffset, byteLength));
  return copy.buffer;
}

export function startThread(): Worker {
  // Without what the process itself was started with: modules loaded beforehand would be loaded here, too.
  return new Worker(new URL('./hash-thread.mjs', import.meta.url), { name: 'hashing', execArgv: [] });
}
