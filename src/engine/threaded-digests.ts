import { isMarkedAsUntransferable, Worker } from 'node:worker_threads';
import type { StoreInFile } from '../core/ports.ts';
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
  | {
      readonly kind: 'update';
      readonly id: number;
      readonly pieces: readonly ArrayBuffer[];
      /** Where they are to be written before they are hashed. */
      readonly file?: Parameters<StoreInFile>[0];
    }
  | { readonly kind: 'digest' | 'drop'; readonly id: number };

/** The digest, or null: hashed; or why the pieces could not be written, and how much of them was. None of them is hashed then. */
export type Reply =
  | string
  | null
  | { readonly written: number; readonly message: string; readonly code: string | undefined };

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

  const store: StoreInFile = async (file, batch) => {
    const bytes = batch.reduce((sum, { length }) => sum + length, 0);
    const pieces = batch.map(ownMemoryOf);
    const reply = await ask(line, { kind: 'update', id, pieces, file }, pieces);
    if (reply === null) return { written: bytes, fault: null };
    lost = true;
    if (typeof reply === 'object') {
      const { written, message, code } = reply;
      return { written, fault: Object.assign(new Error(message), { code }) };
    }
    // What it wrote of them is written, and not acknowledged: the client sends it again.
    return { written: 0, fault: new Error('the storing thread has died') };
  };

  return {
    get store() {
      return lost || !line.alive ? null : store;
    },
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
      return typeof reply === 'string' ? reply : null;
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
  return new Worker(new URL('./storing-thread.mjs', import.meta.url), { name: 'storing', execArgv: [] });
}
