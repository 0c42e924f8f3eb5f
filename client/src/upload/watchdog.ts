import { SluiceApiError } from '../errors.ts';

/** Barks once when nobody has patted it for `ms`. */
export interface Watchdog {
  pat(): void;
  stop(): void;
}

export function createWatchdog(ms: number, bark: (error: SluiceApiError) => void): Watchdog {
  const start = () =>
    setTimeout(() => {
      bark(
        new SluiceApiError('NETWORK_ERROR', 'The connection is silent: no byte went through for a while.'),
      );
    }, ms);
  let timer = start();
  let stopped = false;
  return {
    pat() {
      clearTimeout(timer);
      // A request that was aborted may still tell of progress.
      if (!stopped) timer = start();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
