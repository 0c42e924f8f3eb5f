import type { BlobProgress, BlobWriter, Part } from '../../core/ports.ts';
import { storageFault } from './faults.ts';
import type { Lease, MemoryBudget } from './memory-budget.ts';
import type { Multipart, UploadRef } from './multipart.ts';
import { createPartPipeline } from './part-pipeline.ts';
import { fencedPlan, partNumber } from './part-plan.ts';
import type { Tails } from './tails.ts';
import { unlessAborted } from './unless-aborted.ts';
import { formatState, parseState, type UploadState, uploadMark } from './upload-state.ts';

/**
 * Bytes come in, parts go out. The part being filled is the only memory a waiting writer holds. Three things can
 * make it a tail, that is, have its bytes stored though they are no part yet: the end of the request, a client so
 * slow that the bytes would stay unacknowledged for long, and others who wait for memory. After the last the
 * bytes leave memory and come back with the next ones.
 */
interface Filling {
  readonly index: number;
  /** Bytes that make it a whole part. */
  readonly capacity: number;
  readonly lease: Lease;
  used: number;
  /** Bytes of it that are in a tail already. */
  kept: number;
}

export interface Opening {
  readonly sessionId: string;
  /** Where the upload stands. `uploadId` is empty where the multipart upload is still to be created. */
  readonly state: UploadState;
  readonly length: number | null;
  readonly signal: AbortSignal | undefined;
  /** Parts that the session store may not know yet. */
  readonly untold: readonly Part[];
  /** An upload that this one replaces. */
  readonly replaced: UploadRef | null;
}

export interface WriterDeps {
  readonly multipart: Multipart;
  readonly budget: MemoryBudget;
  readonly tails: Tails;
  readonly partsInFlight: number;
  /** Bytes that are no part yet are stored at the latest after this time. */
  readonly keepAfterMs: number;
}

export function createBlobWriter(deps: WriterDeps, opening: Opening): BlobWriter {
  const { multipart, budget, tails } = deps;
  const { sessionId, state, length, signal } = opening;
  const { partBytes } = state.plan;
  let uploadId = state.uploadId;
  let creating: Promise<string> | null = null;
  let plan = state.plan;
  let leftOvers = state.leftOvers;
  let replaced = opening.replaced;
  let next = state.parts;
  let told = opening.untold.length > 0 ? 0 : state.parts;
  let filling: Filling | null = null;
  let fault: unknown = null;
  let closing: Promise<void> | null = null;

  const pipeline = createPartPipeline({
    most: deps.partsInFlight,
    from: { parts: state.parts, stored: state.stored, untold: opening.untold },
    async upload(index, body, aborted) {
      const ref = { key: state.key, uploadId: await created() };
      const number = partNumber(plan, index);
      return { number, etag: await multipart.upload(ref, { number, body, signal: aborted }) };
    },
  });

  /** One thing at a time touches the part being filled. */
  let last: Promise<void> = Promise.resolve();
  function inTurn(step: () => Promise<void>): Promise<void> {
    const turn = last.then(step);
    last = turn.catch((error) => {
      fault ??= error;
    });
    return turn;
  }

  const keeper = setInterval(() => {
    if (filling && filling.used > filling.kept) void inTurn(keepFilling).catch(() => {});
  }, deps.keepAfterMs).unref();

  async function created(): Promise<string> {
    if (uploadId !== '') return uploadId;
    const onRetried = () => {
      leftOvers = true;
    };
    creating ??= multipart.create(state.key, uploadMark(sessionId, state), onRetried).then((id) => {
      uploadId = id;
      return id;
    });
    return creating;
  }

  function checkFault(): void {
    const found = fault ?? pipeline.fault;
    if (found) throw storageFault(found);
  }

  /** The part that takes the next byte. Rejects with the signal's reason while it waits for memory. */
  async function part(): Promise<Filling> {
    if (filling) return filling;
    const before = tails.newest;
    const index = next;
    const rest = length === null ? partBytes : length - index * partBytes;
    const capacity = Math.min(partBytes, rest);
    if (capacity <= 0) throw new Error('more bytes than the upload was said to have');
    const lease = await budget.take(capacity, signal);
    const begun = before?.index === index ? before : null;
    try {
      if (begun) await tails.load(begun, lease.buffer);
    } catch (error) {
      lease.release(false);
      throw error;
    }
    const bytes = begun?.bytes ?? 0;
    filling = { index, capacity, lease, used: bytes, kept: bytes };
    lease.yieldable(() => void inTurn(yieldRoom).catch(() => {}));
    return filling;
  }

  /** Send the part being filled, which is whole. */
  function send({ index, lease, used }: Filling): void {
    lease.settle();
    filling = null;
    next = index + 1;
    pipeline.send(index, lease, used);
  }

  async function keepFilling(): Promise<void> {
    if (!filling || filling.used === filling.kept) return;
    const { index, lease, used } = filling;
    await tails.keep(index, lease.buffer.subarray(0, used));
    filling.kept = used;
  }

  /** Others wait for memory: what came in goes to a tail, and comes back with the next bytes. */
  async function yieldRoom(): Promise<void> {
    if (!filling || closing) return;
    await keepFilling();
    filling.lease.release(true);
    filling = null;
  }

  /** A newer writer waits for this one to leave: what it still waited for is not needed any more. */
  async function takeInUnlessAborted(chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await takeIn(chunks);
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw error;
    }
  }

  async function takeIn(chunks: readonly Uint8Array[]): Promise<void> {
    void created().catch((error) => {
      fault ??= error;
    });
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        checkFault();
        if (signal?.aborted) return;
        const room = await part();
        const bytes = Math.min(chunk.length - at, room.capacity - room.used);
        room.lease.buffer.set(chunk.subarray(at, at + bytes), room.used);
        room.used += bytes;
        at += bytes;
        if (room.used < room.capacity) continue;
        await unlessAborted(pipeline.room(), signal);
        checkFault();
        send(room);
      }
    }
  }

  async function finish(): Promise<void> {
    clearInterval(keeper);
    try {
      await last;
      checkFault();
      if (filling && filling.used === filling.capacity) send(filling);
      await Promise.all([keepFilling(), pipeline.idle()]);
      checkFault();
    } catch (error) {
      await pipeline.idle();
      // S3 may still take in a part whose sending was cut short: whoever goes on uses other numbers.
      plan = fencedPlan(plan, pipeline.parts) ?? plan;
      throw storageFault(error);
    } finally {
      filling?.lease.release(false);
      filling = null;
      await abandonUnused();
      await tails.idle();
    }
  }

  /** An upload that holds nothing is not left behind for somebody to find. */
  async function abandonUnused(): Promise<void> {
    if (!creating || progress().offset > 0) return;
    const id = await creating.catch(() => null);
    uploadId = '';
    if (id) await multipart.abort({ key: state.key, uploadId: id }).catch(() => {});
  }

  function progress(): BlobProgress {
    const { newest } = tails;
    const { parts, stored } = pipeline;
    const tail = newest?.index === parts ? newest : null;
    const storage = formatState({
      ...state,
      uploadId,
      plan,
      parts,
      stored,
      tail,
      leftOvers: leftOvers || tails.everAny,
    });
    return { offset: stored + (tail?.bytes ?? 0), storage, parts: pipeline.since(told) };
  }

  return {
    progress,

    async write(chunks) {
      checkFault();
      await inTurn(() => takeInUnlessAborted(chunks)).catch((error) => {
        throw storageFault(error);
      });
    },

    committed(storage) {
      told = Math.max(told, parseState(storage).parts);
      pipeline.forget(told);
      tails.committed(storage);
      if (replaced) void multipart.abort(replaced).catch(() => {});
      replaced = null;
    },

    close() {
      closing ??= finish();
      return closing;
    },
  };
}
