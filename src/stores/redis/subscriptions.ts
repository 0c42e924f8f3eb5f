import type { Cluster, Redis } from 'ioredis';
import { withDeadline } from './call.ts';
import { connectListener } from './connect.ts';

/**
 * A connection of its own that does nothing but listen, and goes on with it whatever happens to the connection.
 *
 * What is listened to is said again whenever the connection comes back, and every five seconds. ioredis would do the
 * first by itself, but where that fails nobody catches it, which ends the process; a Cluster's client, whose listener
 * moves from node to node untold, takes a failure of it for done. The second finds both, and a connection whose other
 * end is gone, which whoever only listens would never notice.
 */
export interface Subscriptions {
  /**
   * Resolves once messages of the channel arrive. Rejects where they do not now; until `unsubscribe` it is tried
   * again all the same.
   */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  onMessage(listener: (channel: string, message: string) => void): void;
  /** Called when all is listened to again after the connection was made anew: messages may have been told meanwhile. */
  onRenewed(listener: () => void): void;
  close(): void;
}

/** What connects is judged by the client; what was said to Redis on this connection by nobody else. */
const DEADLINE_MS = 3000;
const SAID_AGAIN_MS = 5000;

/** @param onFault is told of each fault of the connection, for the log. */
export function createSubscriptions(
  redis: Redis | Cluster,
  onFault: (fault: Error) => void = () => {},
): Subscriptions {
  const line = connectListener(redis);
  const channels = new Set<string>();
  line.on('error', onFault);
  const renewed: (() => void)[] = [];
  let isRenewed = true;
  line.on('ready', () => {
    isRenewed = false;
    sayAgain();
  });
  const heartbeat = setInterval(sayAgain, SAID_AGAIN_MS).unref();

  function sayAgain(): void {
    if (line.status === 'ready' && channels.size > 0) say(...channels).then(tellRenewed, onFault);
  }

  function tellRenewed(): void {
    if (isRenewed) return;
    isRenewed = true;
    for (const listener of renewed) listener();
  }

  async function say(...names: readonly string[]): Promise<void> {
    try {
      await withDeadline(DEADLINE_MS, line.subscribe(...names));
    } catch (fault) {
      // Connected but deaf is worse than not connected. A refusal was heard, and may be taken back.
      const isRefusal = fault instanceof Error && fault.name === 'ReplyError';
      if (!isRefusal && line.status === 'ready') line.disconnect(true);
      throw fault;
    }
  }

  return {
    subscribe(channel) {
      channels.add(channel);
      return say(channel);
    },

    unsubscribe(channel) {
      channels.delete(channel);
      // A connection that is made anew knows nothing of it.
      if (line.status === 'ready') line.unsubscribe(channel).catch(onFault);
    },

    onMessage(listener) {
      line.on('message', listener);
    },

    onRenewed(listener) {
      renewed.push(listener);
    },

    close() {
      clearInterval(heartbeat);
      line.disconnect();
    },
  };
}
