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
  return {
    pat() {
      clearTimeout(timer);
      timer = start();
    },
    stop: () => clearTimeout(timer),
  };
}
