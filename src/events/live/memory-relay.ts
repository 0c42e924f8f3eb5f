import type { Clock } from '../../core/ports.ts';
import { isAfter, REMEMBERED_MESSAGES, REMEMBERED_MS, type Relay, type RelayListener } from './relay.ts';

interface Remembered {
  readonly id: string;
  readonly at: number;
  readonly message: string;
}

interface Channel {
  readonly remembered: Remembered[];
  readonly listeners: Set<RelayListener>;
}

/** Users whose last minute is remembered at once; the one who was quiet for longest is dropped. */
const MOST_CHANNELS = 10_000;

/** For one process alone. */
export function createMemoryRelay(clock: Clock): Relay {
  const channels = new Map<string, Channel>();
  let last = { ms: 0, seq: 0 };

  function nextId(now: number): string {
    last = now > last.ms ? { ms: now, seq: 0 } : { ms: last.ms, seq: last.seq + 1 };
    return `${last.ms}-${last.seq}`;
  }

  function channelOf(userId: string): Channel {
    const channel = channels.get(userId) ?? { remembered: [], listeners: new Set() };
    channels.delete(userId);
    channels.set(userId, channel);
    if (channels.size <= MOST_CHANNELS) return channel;
    for (const [oldest, { listeners }] of channels) {
      if (listeners.size > 0) continue;
      channels.delete(oldest);
      break;
    }
    return channel;
  }

  function forget(remembered: Remembered[], now: number): void {
    const fresh = remembered.findIndex(({ at }) => at > now - REMEMBERED_MS);
    const late = fresh === -1 ? remembered.length : fresh;
    remembered.splice(0, Math.max(late, remembered.length - REMEMBERED_MESSAGES));
  }

  return {
    publish(userId, message) {
      const now = clock.now();
      const { remembered, listeners } = channelOf(userId);
      const id = nextId(now);
      remembered.push({ id, at: now, message });
      forget(remembered, now);
      for (const listener of listeners) listener(id, message);
    },

    async subscribe(userId, afterId, listener) {
      const { remembered, listeners } = channelOf(userId);
      forget(remembered, clock.now());
      if (afterId !== null) {
        for (const { id, message } of remembered) if (isAfter(id, afterId)) listener(id, message);
      }
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
