/** At most so many at the same time, first come first served. */
export interface Slots {
  /** Resolves with the function that gives the slot back. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(limit: number): Slots {
  let free = limit;
  const queue: (() => void)[] = [];

  function giveBack(): void {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  }

  /** A slot is given back once, however often its holder says so. */
  function slot(): () => void {
    let held = true;
    return () => {
      if (held) giveBack();
      held = false;
    };
  }

  return {
    take(signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        if (free > 0) {
          free -= 1;
          resolve(slot());
          return;
        }
        const onAbort = () => {
          queue.splice(queue.indexOf(enter), 1);
          reject(signal.reason);
        };
        const enter = () => {
          signal.removeEventListener('abort', onAbort);
          resolve(slot());
        };
        queue.push(enter);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
