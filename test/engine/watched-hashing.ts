import type { Worker } from 'node:worker_threads';
import { createHashing, type Hashing } from '../../src/engine/hashing.ts';
import { createThreadedDigests, type Message, startThread } from '../../src/engine/threaded-digests.ts';

/** Hashing as it ships, which tells what its threads were asked and whose states they hold. */
export interface WatchedHashing extends Hashing {
  readonly threads: readonly Worker[];
  /** Bytes that were handed over to threads. */
  readonly handedOver: number;
  /** States that a thread holds now. */
  readonly held: number;
  /** Ends the running thread; resolves when it is gone. */
  kill(): Promise<void>;
}

export function watchHashing(start = startThread): WatchedHashing {
  const threads: Worker[] = [];
  const held = new Set<number>();
  let handedOver = 0;

  function startWatched(): Worker {
    const thread = start();
    threads.push(thread);
    const post = thread.postMessage.bind(thread);
    thread.postMessage = (message: Message, pieces: readonly ArrayBuffer[] = []) => {
      if (message.kind === 'update') held.add(message.id);
      else held.delete(message.id);
      handedOver += pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
      post(message, pieces);
    };
    return thread;
  }

  return {
    ...createHashing(createThreadedDigests(startWatched)),
    threads,
    get handedOver() {
      return handedOver;
    },
    get held() {
      return held.size;
    },
    async kill() {
      await threads.at(-1)?.terminate();
    },
  };
}
