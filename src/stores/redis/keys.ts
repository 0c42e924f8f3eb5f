import { createHash } from 'node:crypto';
import { shardOfSession } from '../../core/session-id.ts';
import { nameOfSession } from './names.ts';

/**
 * Names of all keys. Everything of one user carries the hash tag of his shard, `{a3f}`, so a script sees
 * it all on one slot of a Redis Cluster. Sessions are named as names.ts says. What each key holds stands in shared.lua.
 */
export interface Keys {
  readonly document: (sessionId: string) => string;
  readonly state: (sessionId: string) => string;
  readonly parts: (sessionId: string) => string;
  /** The user's keys, found from any of his session ids or from his shard. */
  readonly account: (shard: string, userId: string) => string;
  readonly reserving: (shard: string, userId: string) => string;
  readonly leftovers: (shard: string, userId: string) => string;
  readonly users: (shard: string) => string;
  /** There while somebody listens to the user's live events, and for a day after. */
  readonly listened: (shard: string, userId: string) => string;
  /** The stream of the user's live events, and the channel they are told on. */
  readonly live: (shard: string, userId: string) => string;
  /** The client chooses the idempotency key: its digest keeps the name short and harmless. */
  readonly idempotency: (shard: string, userId: string, key: string) => string;
}

export function keysWithPrefix(prefix: string): Keys {
  // Braces of its own would be taken for the hash tag, and all keys of all users would share one slot.
  if (/[{}]/.test(prefix)) throw new TypeError('A prefix of Redis keys must not contain braces.');
  const tagged = (shard: string, rest: string) => `${prefix}:{${shard}}:${rest}`;
  const ofSession = (kind: string) => (id: string) =>
    tagged(shardOfSession(id), `${kind}:${nameOfSession(id)}`);
  const ofUser = (kind: string) => (shard: string, userId: string) => tagged(shard, `${kind}:${userId}`);
  return {
    document: ofSession('s'),
    state: ofSession('d'),
    parts: ofSession('p'),
    account: ofUser('u'),
    reserving: ofUser('x'),
    leftovers: ofUser('g'),
    listened: ofUser('listened'),
    live: ofUser('live'),
    users: (shard) => tagged(shard, 'users'),
    idempotency: (shard, userId, key) =>
      tagged(shard, `i:${userId}:${createHash('sha256').update(key).digest('hex')}`),
  };
}
