import { createRecent } from '../../core/recent.ts';
import { asStoreFault } from './call.ts';
import type { RedisClient } from './connect.ts';
import type { Keys } from './keys.ts';
import { sessionOfName, userOfName } from './names.ts';
import { asList, asText, asTexts } from './replies.ts';
import type { RunScript } from './scripts.ts';

/** A user's keys are named after his shard and his id. */
export interface Owner {
  readonly shard: string;
  readonly userId: string;
}

export interface OwnedSession {
  readonly sessionId: string;
  readonly userId: string;
}

/** What the parts of the store share. */
export interface StoreContext {
  readonly redis: RedisClient;
  readonly run: RunScript;
  readonly keys: Keys;
  readonly shardOf: (userId: string) => string;
  readonly owners: Owners;
}

/**
 * Whose session it is. Scripts must be told all their keys, and those of the user cannot be read off the
 * session id. The owner never changes, so what was once known stays true; whoever commits has taken the
 * session before, so on the hot path this costs no round trip.
 */
export interface Owners {
  of(sessionId: string): Promise<Owner | null>;
  remember(sessionId: string, userId: string): void;
}

const OWNERS_REMEMBERED = 20_000;

export function createOwners(redis: RedisClient, keys: Keys, shardOf: (userId: string) => string): Owners {
  const known = createRecent<string>(OWNERS_REMEMBERED);
  return {
    remember: known.set,
    async of(sessionId) {
      const remembered = known.get(sessionId);
      if (remembered !== undefined) return { shard: shardOf(remembered), userId: remembered };
      const name = await redis.hget(keys.state(sessionId), 'user').catch(rethrow);
      if (name === null) return null;
      const userId = userOfName(name);
      known.set(sessionId, userId);
      return { shard: shardOf(userId), userId };
    },
  };
}

const REBUILD_TRIES = 5;

/**
 * Run a script that needs the sums in the user's account. Where the account was lost, the sums are rebuilt
 * from the sessions first; new sessions may turn up in between, hence more than one try.
 */
export async function withSums(
  { run, keys }: StoreContext,
  { shard, userId }: Owner,
  attempt: () => Promise<unknown>,
): Promise<readonly unknown[]> {
  for (let tries = 0; tries < REBUILD_TRIES; tries += 1) {
    const reply = asList(await attempt());
    if (reply[0] !== 'lost') return reply;
    const names = asTexts(reply[1]);
    const ids = names.map((name) => sessionOfName(shard, name));
    const sums = [keys.account(shard, userId), keys.reserving(shard, userId)];
    await run('rebuild', [...sums, ...ids.map(keys.state)], names);
  }
  throw new Error('The account is lost again as soon as it is rebuilt.');
}

/** First element of a reply: what kind of answer the rest is. */
export function kindOf(reply: readonly unknown[]): string {
  return asText(reply[0]);
}

export function rethrow(fault: unknown): never {
  throw asStoreFault(fault);
}
