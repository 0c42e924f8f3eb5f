import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { StopOrder, WriterSignals } from '../../core/ports/writer-signals.ts';
import { createSubscriptions } from './subscriptions.ts';

/**
 * Orders to stop writing, from process to process, over Redis publish/subscribe. Each process listens on a
 * channel of its own, `<prefix>:writers:<instance>`, for orders and for the answers to those it gave:
 *
 *   stop <id> <who asks> <session id> <epoch> <reason>
 *   done <id> <1 where nothing can reach the bytes any more, else 0>
 *
 * Messages may be lost (a reconnect, a failover): then the order is not answered, which its giver takes for a no.
 */

/** A newcomer goes on within a second, and has to take the session afterwards. */
const DEADLINE_MS = 750;

export interface WriterSignalsDeps {
  /** Publishes, and is the model for a second connection, which listens. */
  readonly redis: Redis | Cluster;
  /** What all names begin with: that of the session store. */
  readonly prefix: string;
  /** Name of this process, unlike that of any other that ever ran. */
  readonly instance: string;
  /** Told of each fault of the connection, for the log. */
  readonly onError?: (fault: Error) => void;
}

export function createRedisWriterSignals(deps: WriterSignalsDeps): WriterSignals {
  const { redis, prefix, instance, onError = () => {} } = deps;
  const channelOf = (name: string) => `${prefix}:writers:${name}`;
  const unanswered = new Map<string, (stopped: boolean) => void>();
  let obey: Parameters<WriterSignals['onStop']>[0] = async () => false;

  const subscriptions = createSubscriptions(redis, onError);
  subscriptions.onMessage((_channel, text) => void receive(text));
  // It is only now connecting.
  subscriptions.subscribe(channelOf(instance)).catch(() => {});

  async function receive(text: string): Promise<void> {
    const [kind, id = '', ...rest] = text.split(' ');
    if (kind === 'done') unanswered.get(id)?.(rest[0] === '1');
    if (kind !== 'stop') return;
    const [from = '', sessionId = '', epoch = '', reason] = rest;
    const order: StopOrder = {
      epoch: Number(epoch),
      reason: reason === 'cancelled' ? reason : 'taken_over',
    };
    const stopped = await obey(sessionId, order).catch(() => false);
    await redis.publish(channelOf(from), `done ${id} ${stopped ? 1 : 0}`).catch(onError);
  }

  async function publishOrder(target: string, text: string): Promise<boolean> {
    const receivers = await redis.publish(channelOf(target), text);
    // A Cluster tells of those who listen at one node alone.
    return receivers > 0 || redis.isCluster;
  }

  return {
    async stop(target, sessionId, { epoch, reason }) {
      const id = randomUUID();
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const deadline = setTimeout(() => resolve(false), DEADLINE_MS);
      unanswered.set(id, resolve);
      publishOrder(target, `stop ${id} ${instance} ${sessionId} ${epoch} ${reason}`).then(
        (isHeard) => {
          if (!isHeard) resolve(false);
        },
        () => resolve(false),
      );
      try {
        return await promise;
      } finally {
        clearTimeout(deadline);
        unanswered.delete(id);
      }
    },

    onStop(handler) {
      obey = handler;
    },

    close() {
      subscriptions.close();
      for (const resolve of unanswered.values()) resolve(false);
    },
  };
}
