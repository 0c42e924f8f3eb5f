export interface Deadline {
  /** Aborted, with the error to throw as its reason, when the time is over. */
  readonly signal: AbortSignal;
  /** The result of `promise`, or the deadline's error where it comes first. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** No longer needed. */
  clear(): void;
}

/**
 * `error` makes what is thrown when `ms` have passed. A process that was too busy to look finds the timer due before the
 * answers that lie in its sockets, since Node runs timers first: so the sockets get one turn before the verdict.
 */
export function startDeadline(ms: number, error: () => Error): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  let needed = true;
  const giveUp = () => {
    if (needed) controller.abort(error());
  };
  const timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), ms);
  return {
    signal,
    race: (promise) =>
      new Promise((resolve, reject) => {
        const passed = () => reject(signal.reason);
        if (signal.aborted) passed();
        signal.addEventListener('abort', passed, { once: true });
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', passed));
      }),
    clear() {
      needed = false;
      clearTimeout(timer);
    },
  };
}
