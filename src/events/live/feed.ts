import type { Events, LiveEvent, LiveFeed, SessionEvent } from '../../core/ports.ts';
import type { Relay, RelayListener } from './relay.ts';

const PROGRESS_INTERVAL_MS = 250;
/** What is told of as progress: it changes what a page shows, and ends nothing. */
const STATUS_OF = {
  created: 'active',
  progress: 'active',
  verifying: 'verifying',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
} as const satisfies Record<SessionEvent['type'], string>;

/**
 * Progress comes at most four times a second for each session; what ends a session always comes.
 */
export function createLiveFeed(relay: Relay): LiveFeed & Events {
  /** When each running session was last told of. Those that end leave; the rest are few: one a running upload. */
  const lastTold = new Map<string, number>();

  function isTooSoon({ type, sessionId }: SessionEvent): boolean {
    if (type !== 'progress') {
      if (type !== 'created' && type !== 'verifying') lastTold.delete(sessionId);
      return false;
    }
    const now = performance.now();
    if (now - (lastTold.get(sessionId) ?? Number.NEGATIVE_INFINITY) < PROGRESS_INTERVAL_MS) return true;
    lastTold.delete(sessionId);
    lastTold.set(sessionId, now);
    for (const oldest of lastTold.keys()) {
      if (lastTold.size <= MOST_TOLD) break;
      lastTold.delete(oldest);
    }
    return false;
  }

  return {
    emit(event) {
      if (isTooSoon(event)) return;
      const { type, errorCode } = event;
      const live: LiveEvent = {
        type: type === 'created' || type === 'verifying' ? 'progress' : type,
        session_id: event.sessionId,
        upload_offset: event.uploadOffset,
        upload_length: event.uploadLength,
        status: STATUS_OF[type],
        ...(errorCode !== undefined && { error_code: errorCode }),
      };
      relay.publish(event.userId, JSON.stringify(live));
    },

    subscribe(userId, afterId, listener) {
      const parse: RelayListener = (id, message) => listener(id, JSON.parse(message) as LiveEvent);
      return relay.subscribe(userId, afterId, parse);
    },
  };
}

/** Sessions whose last word is remembered; forgetting one costs a progress event too many. */
const MOST_TOLD = 10_000;
