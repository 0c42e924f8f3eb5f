import { SluiceError } from '../core/errors.ts';
import type { BlobStore, BlobWriter, Ledger } from '../core/ports.ts';
import type { Histogram, Instruments } from './instruments.ts';

/** The same ledger, and how long it takes to count an upload. */
export function observeLedger<L extends Ledger>(ledger: L, instruments: Instruments): L {
  const durations = instruments.histogram('settlement_duration_seconds')();
  return {
    ...ledger,
    async settle(settlement) {
      const beganAt = performance.now();
      try {
        return await ledger.settle(settlement);
      } finally {
        durations.observe((performance.now() - beganAt) / 1000);
      }
    },
  };
}

/** The same blobs: how long operations take, and bytes that are gone though they were acknowledged. */
export function observeBlobs<B extends BlobStore>(blobs: B, instruments: Instruments): B {
  const { backend, joinBlobs } = blobs;
  const durations = instruments.histogram('storage_op_duration_seconds');
  const lost = instruments.counter('upload_lost_acknowledged_bytes_total')();
  const timerOf = (op: string) =>
    createTimer({
      ok: durations(backend, op, 'ok'),
      full: durations(backend, op, 'full'),
      error: durations(backend, op, 'error'),
    });
  const timers = {
    open: timerOf('open'),
    write: timerOf('write'),
    close: timerOf('close'),
    finalize: timerOf('finalize'),
    discard: timerOf('discard'),
    join: timerOf('join'),
  };

  /** @param bytes at stake; where nobody knows how many, one stands for all. */
  function noteLoss(fault: unknown, bytes: number): void {
    if (fault instanceof SluiceError && fault.bytesAreLost) lost.add(Math.max(1, bytes));
  }

  async function observed<T>(timer: Timer, bytes: number, work: () => Promise<T>): Promise<T> {
    try {
      return await timer(work);
    } catch (fault) {
      noteLoss(fault, bytes);
      throw fault;
    }
  }

  function observeWriter(writer: BlobWriter): BlobWriter {
    const { writeBy } = writer;
    let told = writer.progress().offset;
    let acknowledged = told;
    return {
      ...writer,
      write: (chunks) => timers.write(() => writer.write(chunks)),
      ...(writeBy && {
        writeBy: (...given: Parameters<typeof writeBy>) => timers.write(() => writeBy(...given)),
      }),
      progress() {
        const progress = writer.progress();
        told = progress.offset;
        return progress;
      },
      committed(storage) {
        acknowledged = told;
        writer.committed?.(storage);
      },
      async close(options) {
        try {
          await timers.close(() => writer.close(options));
        } finally {
          const missing = acknowledged - writer.progress().offset;
          if (missing > 0) lost.add(missing);
        }
      },
    };
  }

  return {
    ...blobs,

    async open(ref, at) {
      const writer = await observed(timers.open, at.offset, () => blobs.open(ref, at));
      // Where writing goes on is where the last acknowledgement ended.
      const missing = at.offset - writer.progress().offset;
      if (missing > 0) lost.add(missing);
      return observeWriter(writer);
    },

    async *read(ref, options) {
      const { length = 0 } = options;
      let seen = 0;
      try {
        for await (const chunk of blobs.read(ref, options)) {
          seen += chunk.length;
          yield chunk;
        }
      } catch (fault) {
        noteLoss(fault, length - seen);
        throw fault;
      }
      if (seen < length) lost.add(length - seen);
    },

    finalize: (ref, storageKey) => observed(timers.finalize, 0, () => blobs.finalize(ref, storageKey)),
    discard: (ref, storageKey) => timers.discard(() => blobs.discard(ref, storageKey)),
    discardOvertaken: (...late) => timers.discard(() => blobs.discardOvertaken(...late)),
    ...(joinBlobs && {
      joinBlobs: (...joined: Parameters<typeof joinBlobs>) => timers.join(() => joinBlobs(...joined)),
    }),
  };
}

type Timer = <T>(work: () => Promise<T>) => Promise<T>;

function createTimer(by: {
  readonly ok: Histogram;
  readonly full: Histogram;
  readonly error: Histogram;
}): Timer {
  return async (work) => {
    const beganAt = performance.now();
    let outcome = by.ok;
    try {
      return await work();
    } catch (fault) {
      outcome = fault instanceof SluiceError && fault.code === 'STORAGE_FULL' ? by.full : by.error;
      throw fault;
    } finally {
      outcome.observe((performance.now() - beganAt) / 1000);
    }
  };
}
