import type { Part } from '../../core/ports.ts';
import type { Lease } from './memory-budget.ts';

/**
 * The parts of one upload that are on their way to S3, a few at a time. They may arrive in any order; what
 * counts is the row without gaps from the start of the file.
 */
export interface PartPipeline {
  /** Parts in that row, and their bytes together. */
  readonly parts: number;
  readonly stored: number;
  readonly inFlight: number;
  /** The first thing that went wrong. Parts before the one that failed go on, those behind it are of no use. */
  readonly fault: unknown;
  /** Resolves when another part may be sent, or something went wrong. */
  room(): Promise<void>;
  /** Send the first `bytes` of the lease's buffer as the part `index`. Takes the lease over. */
  send(index: number, lease: Lease, bytes: number): void;
  /** Resolves when none is on its way, whatever became of them. */
  idle(): Promise<void>;
  /** Parts in the row from `index` on. */
  since(index: number): readonly Part[];
  /** The session store knows the parts before `index`: they need not be remembered here. */
  forget(index: number): void;
}

export function createPartPipeline(options: {
  readonly most: number;
  /** Parts stored before, and their bytes; `untold` are those of them the session store may not know. */
  readonly from: { readonly parts: number; readonly stored: number; readonly untold: readonly Part[] };
  readonly upload: (
    index: number,
    body: Uint8Array,
    signal: AbortSignal,
  ) => Promise<Omit<Part, 'index' | 'bytes'>>;
}): PartPipeline {
  const { most, from, upload } = options;
  const arrived = new Map<number, Part>(from.untold.map((part) => [part.index, part]));
  const underWay = new Set<Promise<void>>();
  const stops = new Map<number, AbortController>();
  let { parts, stored } = from;
  let fault: unknown = null;

  function advance(): void {
    for (let next = arrived.get(parts); next; next = arrived.get(parts)) {
      parts += 1;
      stored += next.bytes;
    }
  }

  async function run(index: number, lease: Lease, bytes: number): Promise<void> {
    const stop = new AbortController();
    stops.set(index, stop);
    let intact = false;
    try {
      const body = lease.buffer.subarray(0, bytes);
      const acknowledged = await upload(index, body, stop.signal);
      intact = true;
      arrived.set(index, { index, bytes, ...acknowledged });
      advance();
    } catch (error) {
      fault ??= error;
      for (const [other, behind] of stops) if (other > index) behind.abort();
    } finally {
      stops.delete(index);
      // After a failure the dying connection may still be reading the buffer.
      lease.release(intact);
    }
  }

  return {
    get parts() {
      return parts;
    },
    get stored() {
      return stored;
    },
    get inFlight() {
      return underWay.size;
    },
    get fault() {
      return fault;
    },

    async room() {
      while (underWay.size >= most && fault === null) await Promise.race(underWay);
    },

    send(index, lease, bytes) {
      const sending = run(index, lease, bytes).finally(() => underWay.delete(sending));
      underWay.add(sending);
    },

    async idle() {
      while (underWay.size > 0) await Promise.race(underWay);
    },

    since(index) {
      const row: Part[] = [];
      for (let at = index; at < parts; at += 1) {
        const part = arrived.get(at);
        if (part) row.push(part);
      }
      return row;
    },

    forget(index) {
      for (const at of arrived.keys()) if (at < index) arrived.delete(at);
    },
  };
}
