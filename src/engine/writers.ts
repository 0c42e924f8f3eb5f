import type { StopOrder } from '../core/ports/writer-signals.ts';

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
  /** Resolves when the writers before have left: false where one of them may still reach the bytes. */
  readonly alone: Promise<boolean>;
  /** It asks the session store for the session now: from here on others may see it as the holder. */
  taking(): void;
  /** The session store made it the writer of this epoch. */
  took(epoch: number): void;
  /** `clean`: nothing that this writer, or one before it, started can still reach the bytes. */
  leave(clean: boolean): void;
}

export interface Writers {
  enter(sessionId: string): WriterSlot;
  has(sessionId: string): boolean;
  /** Stop the session's writers and wait for them. False where one did not leave in time. */
  stop(sessionId: string, reason: StopReason): Promise<boolean>;
  /**
   * Stop those that took the session up to this epoch, and wait for them: another process asks, which is newer
   * than those. True where none of them, nor of those before them, can still reach the bytes.
   */
  stopUpTo(sessionId: string, order: StopOrder): Promise<boolean>;
  stopAll(reason: StopReason, ms: number): Promise<boolean>;
}

interface Entry {
  readonly controller: AbortController;
  readonly left: Promise<boolean>;
  readonly leave: (clean: boolean) => void;
  /** `waiting` for those before it; then `taking` the session; then its epoch. */
  state: 'waiting' | 'taking' | number;
  /** Came while it was taking the session, when nobody here knew whether it is meant. */
  order: StopOrder | null;
}

/**
 * @param lifetimeMs no session is written for longer than this.
 * @param now milliseconds of a clock that never goes back.
 */
export function createWriters(
  takeoverMs: number,
  lifetimeMs: number,
  now: () => number = () => performance.now(),
): Writers {
  /** Those who may write to a session, the newest last. */
  const running = new Map<string, Entry[]>();
  /**
   * Sessions whose last writer here left without knowing that those before it, wherever they are, have stopped.
   * To other processes it is the one to ask, so this must not be forgotten while it left nobody behind: not before
   * nobody can write the session any more. With the moments at which they left, the earliest first; an outage of the
   * session store makes many of them, of which most never come back to this process.
   */
  const unclean = new Map<string, number>();

  async function left(sessionId: string, entries: readonly Entry[], ms: number): Promise<boolean> {
    const results = await Promise.all(entries.map((entry) => within(entry.left, ms)));
    return results.every(Boolean) && !unclean.has(sessionId);
  }

  function stopEntries(sessionId: string, entries: readonly Entry[], reason: StopReason, ms: number) {
    for (const { controller } of entries) controller.abort(reason);
    return left(sessionId, entries, ms);
  }

  function leftUncleanly(sessionId: string): void {
    unclean.delete(sessionId);
    unclean.set(sessionId, now());
    for (const [earliest, leftAt] of unclean) {
      if (now() - leftAt <= lifetimeMs) break;
      unclean.delete(earliest);
    }
  }

  function depart(sessionId: string, entry: Entry, clean: boolean): void {
    const entries = running.get(sessionId) ?? [];
    const place = entries.indexOf(entry);
    if (place < 0) return;
    if (clean) unclean.delete(sessionId);
    else leftUncleanly(sessionId);
    // What a clean one leaves behind is out of the reach of those before it: nobody need wait for them.
    entries.splice(clean ? 0 : place, clean ? place + 1 : 1);
    if (entries.length === 0) running.delete(sessionId);
  }

  return {
    enter(sessionId) {
      const before = [...(running.get(sessionId) ?? [])];
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const entry: Entry = {
        controller: new AbortController(),
        left: promise,
        state: 'waiting',
        order: null,
        leave(clean) {
          depart(sessionId, entry, clean);
          resolve(clean);
        },
      };
      running.set(sessionId, [...before, entry]);
      return {
        signal: entry.controller.signal,
        alone: stopEntries(sessionId, before, 'taken_over', takeoverMs),
        leave: entry.leave,
        taking() {
          entry.state = 'taking';
        },
        took(epoch) {
          entry.state = epoch;
          if (entry.order && epoch <= entry.order.epoch) entry.controller.abort(entry.order.reason);
        },
      };
    },

    has: (sessionId) => running.has(sessionId),
    stop: (sessionId, reason) => stopEntries(sessionId, running.get(sessionId) ?? [], reason, takeoverMs),

    stopUpTo(sessionId, order) {
      // Whoever still waits had not taken the session when the order was given: it is newer, or will be.
      const meant = (running.get(sessionId) ?? []).filter(
        ({ state }) => state === 'taking' || (state !== 'waiting' && state <= order.epoch),
      );
      for (const entry of meant) {
        if (entry.state === 'taking') entry.order = order;
        else entry.controller.abort(order.reason);
      }
      return left(sessionId, meant, takeoverMs);
    },

    async stopAll(reason, ms) {
      const stops = [...running].map(([sessionId, entries]) => stopEntries(sessionId, entries, reason, ms));
      return (await Promise.all(stops)).every(Boolean);
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
