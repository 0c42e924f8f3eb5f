import type { Holdings, SessionDirectory } from '../../core/ports.ts';
import { allShards } from '../../core/session-id.ts';
import { withDeadline } from './call.ts';
import { rethrow, type StoreContext, withSums } from './context.ts';
import { userOfName } from './names.ts';
import { asNumber } from './replies.ts';

/** Shards asked at once, and users looked at in detail at once. */
const SHARDS_PER_STEP = 256;
const USERS_PER_STEP = 64;

/**
 * `SessionDirectory`: shard by shard, and in a shard in the order of their ids, so that a user's place follows
 * from his id alone. Each shard keeps the set of its users for the sweeper; whoever has a live session is in it.
 */
export function createSessionDirectory(context: StoreContext, deadlineMs: number): SessionDirectory {
  const { redis, run, keys, shardOf } = context;
  const shards = [...allShards()];

  async function usersOf(shard: string): Promise<string[]> {
    const names = await redis.zrange(keys.users(shard), 0, '-1').catch(rethrow);
    return names.map(userOfName).sort();
  }

  async function holdingsOf(userId: string): Promise<Holdings> {
    const owner = { shard: shardOf(userId), userId };
    const touched = [keys.account, keys.reserving, keys.leftovers].map((key) => key(owner.shard, userId));
    const reply = await withSums(context, owner, () => run('holdings', touched, []));
    return { reservedBytes: asNumber(reply[1]), activeSessions: asNumber(reply[2]) };
  }

  return {
    async reservingUsers(after, limit) {
      const found: string[] = [];
      const left = after === null ? [...shards] : shards.slice(shards.indexOf(shardOf(after)));
      let behind = after;
      while (left.length > 0 && found.length < limit) {
        const step = left.splice(0, SHARDS_PER_STEP);
        const [first = [], ...rest] = await withDeadline(deadlineMs, Promise.all(step.map(usersOf)));
        const from = behind;
        behind = null;
        found.push(...first.filter((userId) => from === null || userId > from), ...rest.flat());
      }
      return found.slice(0, limit);
    },

    async holdings(userIds) {
      const held: Holdings[] = [];
      for (let at = 0; at < userIds.length; at += USERS_PER_STEP) {
        const step = userIds.slice(at, at + USERS_PER_STEP).map(holdingsOf);
        held.push(...(await withDeadline(deadlineMs, Promise.all(step))));
      }
      return held;
    },
  };
}
