/**
 * One budget for the bytes that all S3 writers of this process hold in memory. A writer takes the room of a
 * whole part before its first byte, so that whoever has begun a part can always finish it: with smaller steps
 * many writers could each hold half a part and wait for each other for ever. First come, first served.
 *
 * A slow client would hold a part's room for as long as it takes to fill it. So while others wait, those who
 * have held an unfinished part for too long are asked to put it away (`onPressure`), oldest first.
 */

export interface MemoryBudget {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly waiting: number;
  /** Wait for room. More than the whole budget is given only when nothing else is. Rejects with the signal's reason. */
  take(bytes: number, signal?: AbortSignal): Promise<Lease>;
}

export interface Lease {
  readonly buffer: Buffer;
  /** From now on until `settle`, this may be called, once, to ask for the room back. */
  yieldable(onPressure: () => void): void;
  /** It is not worth asking any more: the room comes back by itself. */
  settle(): void;
  /** `reusable`: nobody can still read the buffer. Idempotent. */
  release(reusable: boolean): void;
}

interface Waiter {
  readonly bytes: number;
  readonly grant: (lease: Lease) => void;
}

interface Holder {
  readonly since: number;
  onPressure: (() => void) | null;
}

/** How long a part may fill while others wait for its room. */
const PATIENCE_MS = 3000;
const LOOK_EVERY_MS = 250;

/** @param options.slabBytes Size of most of what is taken: that of a whole part. */
export function createMemoryBudget(
  totalBytes: number,
  { patienceMs = PATIENCE_MS, slabBytes = totalBytes }: { patienceMs?: number; slabBytes?: number } = {},
): MemoryBudget {
  const queue: Waiter[] = [];
  const holders = new Set<Holder>();
  /** Buffers to be used again. New ones every time would be garbage by the gigabyte, and late collected. */
  let spare: Buffer[] = [];
  let usedBytes = 0;
  let timer: NodeJS.Timeout | null = null;

  function fits(bytes: number): boolean {
    return usedBytes === 0 || usedBytes + bytes <= totalBytes;
  }

  function serve(): void {
    for (let next = queue[0]; next && fits(roomFor(next.bytes)); next = queue[0]) {
      queue.shift();
      next.grant(lease(next.bytes));
    }
    if (queue.length > 0) timer ??= setInterval(press, Math.min(LOOK_EVERY_MS, patienceMs)).unref();
    else if (timer) {
      clearInterval(timer);
      timer = null;
    }
  }

  function press(): void {
    const now = performance.now();
    let wanted = queue.length;
    for (const holder of holders) {
      if (wanted === 0) return;
      if (!holder.onPressure || now - holder.since < patienceMs) continue;
      const ask = holder.onPressure;
      holder.onPressure = null;
      wanted -= 1;
      ask();
    }
  }

  function bufferOf(bytes: number): Buffer {
    if (bytes === slabBytes) return spare.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
    if (usedBytes + bytes + spare.length * slabBytes > totalBytes) spare = [];
    return Buffer.allocUnsafeSlow(bytes);
  }

  function keep(buffer: Buffer): void {
    const kept = (spare.length + 1) * slabBytes;
    if (buffer.length === slabBytes && kept + usedBytes <= totalBytes) spare.push(buffer);
  }

  /** Last parts are smaller than the others, but fit into the same buffers. */
  function roomFor(bytes: number): number {
    return bytes > slabBytes / 8 && bytes < slabBytes ? slabBytes : bytes;
  }

  function lease(bytes: number): Lease {
    const room = roomFor(bytes);
    const holder: Holder = { since: performance.now(), onPressure: null };
    let buffer: Buffer | null = bufferOf(room);
    usedBytes += room;
    holders.add(holder);
    return {
      get buffer() {
        if (!buffer) throw new Error('the room was given back');
        return buffer.subarray(0, bytes);
      },
      yieldable(onPressure) {
        holder.onPressure = onPressure;
      },
      settle() {
        holder.onPressure = null;
      },
      release(reusable) {
        if (!buffer) return;
        usedBytes -= room;
        holders.delete(holder);
        if (reusable) keep(buffer);
        buffer = null;
        serve();
      },
    };
  }

  return {
    totalBytes,
    get usedBytes() {
      return usedBytes;
    },
    get waiting() {
      return queue.length;
    },

    take(bytes, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          bytes,
          grant(granted) {
            signal?.removeEventListener('abort', leave);
            resolve(granted);
          },
        };
        function leave(): void {
          queue.splice(queue.indexOf(waiter), 1);
          reject(signal?.reason);
          serve();
        }
        signal?.addEventListener('abort', leave, { once: true });
        queue.push(waiter);
        serve();
      });
    },
  };
}
