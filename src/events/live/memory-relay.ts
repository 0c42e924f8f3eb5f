import type { Clock } from '../../core/ports.ts';
import { isAfter, REMEMBERED_MESSAGES, REMEMBERED_MS, type Relay, type RelayListener } from './relay.ts';

interface Remembered {
  readonly id: string;
  readonly at: number;
  readonly message: string;
}

/** Users whose last minute is remembered at once; the one who was quiet for longest is dropped. */
const MOST_REMEMBERED = 10_000;

/** For one process alone. */
export function createMemoryRelay(clock: Clock): Relay {
  const listeners = new Map<string, Set<RelayListener>>();
  /** By user, and among them those first who have been quiet for longest. */
  const remembered = new Map<string, Remembered[]>();
  let last = { ms: 0, seq: 0 };

  function nextId(now: number): string {
    last = now > last.ms ? { ms: now, seq: 0 } : { ms: last.ms, seq: last.seq + 1 };
    return `${last.ms}-${last.seq}`;
  }

  function remember(userId: string, message: Remembered): void {
    const messages = remembered.get(userId) ?? [];
    messages.push(message);
    forgetOld(messages, message.at);
    remembered.delete(userId);
    remembered.set(userId, messages);
  }

  function forgetOld(messages: Remembered[], now: number): void {
    const fresh = messages.findIndex(({ at }) => at > now - REMEMBERED_MS);
    const late = fresh === -1 ? messages.length : fresh;
    messages.splice(0, Math.max(late, messages.length - REMEMBERED_MESSAGES));
  }

  /** Those who do nothing any more are forgotten by what others do. */
  function forgetQuiet(now: number): void {
    for (const [userId, messages] of remembered) {
      const isQuiet = (messages.at(-1)?.at ?? 0) <= now - REMEMBERED_MS;
      if (!isQuiet && remembered.size <= MOST_REMEMBERED) break;
      remembered.delete(userId);
    }
  }

  return {
    publish(userId, message) {
      const now = clock.now();
      const id = nextId(now);
      remember(userId, { id, at: now, message });
      forgetQuiet(now);
      for (const listener of listeners.get(userId) ?? []) listener(id, message);
    },

    async subscribe(userId, afterId, listener) {
      if (afterId !== null) {
        const messages = remembered.get(userId) ?? [];
        forgetOld(messages, clock.now());
        for (const { id, message } of messages) if (isAfter(id, afterId)) listener(id, message);
      }
      const own = listeners.get(userId) ?? new Set();
      listeners.set(userId, own.add(listener));
      return () => {
        own.delete(listener);
        if (own.size === 0 && listeners.get(userId) === own) listeners.delete(userId);
      };
    },
  };
}
