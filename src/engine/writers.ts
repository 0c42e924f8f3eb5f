/**
 * Who writes which session in this process: one at a time, and the newest wins. A newcomer tells the running
 * writer to stop, which flushes and commits what it has, and waits for it, but never longer than a moment: the
 * writer epoch of the session store keeps a writer that hangs from doing harm.
 */
const STOP_REASONS = ['taken_over', 'cancelled', 'shutdown'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** Why a writer has to stop; null while it need not. */
export function stopReasonOf(signal: AbortSignal): StopReason | null {
  return STOP_REASONS.find((reason) => reason === signal.reason) ?? null;
}

export interface WriterSlot {
  /** Aborted when this writer has to stop; the reason is a `StopReason`. */
  readonly signal: AbortSignal;
  /** Resolves when the writers before have left: false where one of them did not leave in time. */
  readonly alone: Promise<boolean>;
  /** `clean`: nothing that this writer, or one before it, started can still reach the bytes. */
  leave(clean: boolean): void;
}

export interface Writers {
  enter(sessionId: string): WriterSlot;
  has(sessionId: string): boolean;
  /** Stop the session's writer and wait for it. False where it did not leave in time. */
  stop(sessionId: string, reason: StopReason): Promise<boolean>;
  stopAll(reason: StopReason, ms: number): Promise<boolean>;
}

interface Entry {
  readonly controller: AbortController;
  readonly left: Promise<boolean>;
}

export function createWriters(takeoverMs: number): Writers {
  const running = new Map<string, Entry>();

  function stopEntry(entry: Entry, reason: StopReason, ms: number): Promise<boolean> {
    entry.controller.abort(reason);
    return within(entry.left, ms);
  }

  return {
    enter(sessionId) {
      const before = running.get(sessionId);
      const { promise: left, resolve } = Promise.withResolvers<boolean>();
      const entry: Entry = { controller: new AbortController(), left };
      running.set(sessionId, entry);
      return {
        signal: entry.controller.signal,
        alone: before ? stopEntry(before, 'taken_over', takeoverMs) : Promise.resolve(true),
        leave(clean) {
          if (running.get(sessionId) === entry) running.delete(sessionId);
          resolve(clean);
        },
      };
    },

    has: (sessionId) => running.has(sessionId),

    stop(sessionId, reason) {
      const entry = running.get(sessionId);
      return entry ? stopEntry(entry, reason, takeoverMs) : Promise.resolve(true);
    },

    async stopAll(reason, ms) {
      const results = await Promise.all([...running.values()].map((entry) => stopEntry(entry, reason, ms)));
      return results.every(Boolean);
    },
  };
}

function within(left: Promise<boolean>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    void left.then((clean) => {
      clearTimeout(timer);
      resolve(clean);
    });
  });
}
