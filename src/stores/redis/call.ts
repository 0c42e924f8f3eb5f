import { SluiceError } from '../../core/errors.ts';

/**
 * Replies by which a Redis says that it cannot serve now, though it answers; anything else is our mistake. The
 * last one comes from a script that emptied a key while a Cluster moved its slot elsewhere.
 */
const UNAVAILABLE =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|MISCONF|NOREPLICAS|OOM|BUSY|NOAUTH|WRONGPASS|NOPERM|ERR Script attempted to access a non local key)\b/;

/** What callers see when Redis is away, hung or not able to write. The true reason goes to the log alone. */
export function sessionStoreAway(cause: unknown): SluiceError {
  return new SluiceError('REDIS_CONNECTION_ERROR', 'The session store is not reachable. Try again shortly.', {
    cause,
    retryAfterSeconds: 2,
  });
}

/** Translate a fault of the Redis client. A refusal of the command itself is a surprise and stays one. */
export function asStoreFault(fault: unknown): unknown {
  if (fault instanceof SluiceError) return fault;
  const refusedCommand =
    fault instanceof Error && fault.name === 'ReplyError' && !UNAVAILABLE.test(fault.message);
  return refusedCommand ? fault : sessionStoreAway(fault);
}

/**
 * Settle within `ms`, whatever the client does: some of its paths have no timer at all (commands waiting for
 * a Cluster's slots, ioredis#1604). The work itself cannot be taken back; it may still happen.
 *
 * When the process was too busy to look, the timer is due before replies that lie in the socket are read: Node
 * runs timers first. So the sockets get one turn before the verdict.
 */
export function withDeadline<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = () => reject(sessionStoreAway(new Error(`No answer from Redis in ${ms} ms.`)));
  const timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), ms);
  work.then(
    (value) => {
      clearTimeout(timer);
      resolve(value);
    },
    (fault: unknown) => {
      clearTimeout(timer);
      reject(fault);
    },
  );
  return promise;
}
