import type { RequestBody } from './body.ts';
import type { EngineLimits } from './limits.ts';

export interface PaceWatch {
  stop(): void;
}

/**
 * Looks at a body now and then: `onTick` is the moment to store what has trickled in, `onTooSlow` says that
 * the client has stopped sending, or sends so little that it only holds the connection. Time in which we do
 * not read, because the storage is slow, is not held against the client.
 */
export function watchPace(
  body: RequestBody,
  limits: EngineLimits,
  listeners: {
    readonly onTick: () => void;
    readonly onTooSlow: (why: 'idle' | 'slow') => void;
  },
): PaceWatch {
  const { idleTimeoutMs, minimumBytesPerSecond, minimumRateWindowMs } = limits;
  const every = Math.min(limits.commitIntervalMs, idleTimeoutMs / 4, minimumRateWindowMs / 4);
  let seen = body.received;
  let movedAt = performance.now();
  let windowAt = movedAt;
  let windowSeen = seen;

  const timer = setInterval(() => {
    const now = performance.now();
    if (body.received !== seen || body.paused) movedAt = now;
    seen = body.received;
    if (body.paused) startWindow(now);
    listeners.onTick();

    if (now - movedAt >= idleTimeoutMs) listeners.onTooSlow('idle');
    if (now - windowAt < minimumRateWindowMs) return;
    if (seen - windowSeen < (minimumBytesPerSecond * (now - windowAt)) / 1000) listeners.onTooSlow('slow');
    startWindow(now);
  }, every);

  function startWindow(now: number): void {
    windowAt = now;
    windowSeen = body.received;
  }

  return { stop: () => clearInterval(timer) };
}
