import type { DueSessions, SessionStore } from '../../core/ports.ts';
import type { Session } from '../../core/session.ts';
import { allShards } from '../../core/session-id.ts';
import { withDeadline } from './call.ts';
import type { StoreContext } from './context.ts';
import { asNumber, asText, asTexts } from './replies.ts';

/** Shards asked at once, and users of them looked at in detail at once. */
const SHARDS_PER_STEP = 256;
const USERS_PER_STEP = 32;

interface Due {
  readonly sessionId: string;
  readonly userId: string;
  readonly since: number;
}

/**
 * The sweeper's walk over all shards: one look at a small set each, and more only for users who have something
 * due. A walk stops when it has enough, and the next one starts behind the last shard it took from,
 * so sessions that stay due (their bytes cannot be deleted now) never keep it from the others.
 */
export function createDueSessions(
  { redis, run, keys, shardOf, owners }: StoreContext,
  find: SessionStore['find'],
  deadlineMs: number,
): DueSessions {
  const shards = [...allShards()];
  let start = 0;

  async function due(limit: number): Promise<Session[]> {
    const round = [...shards.slice(start), ...shards.slice(0, start)];
    const found: Due[] = [];
    while (round.length > 0 && found.length < limit) {
      const users = await withDeadline(deadlineMs, usersDue(round.splice(0, SHARDS_PER_STEP), limit));
      while (users.length > 0 && found.length < limit) {
        const lists = users.splice(0, USERS_PER_STEP).map((userId) => dueOf(userId, limit));
        found.push(...(await withDeadline(deadlineMs, Promise.all(lists))).flat());
      }
    }
    const taken = found.slice(0, limit);
    const last = taken.at(-1);
    if (last) start = (shards.indexOf(shardOf(last.userId)) + 1) % shards.length;
    taken.sort(longestDueFirst);
    const sessions = await withDeadline(deadlineMs, Promise.all(taken.map(recall)));
    return sessions.filter((one) => one !== null);
  }

  /** Users of these shards who may have something due, shard by shard. */
  async function usersDue(step: readonly string[], limit: number): Promise<string[]> {
    const sets = step.map(keys.users);
    const groups = redis.isCluster ? sets.map((set) => [set]) : [sets];
    const lists = await Promise.all(groups.map((group) => run('due-users', group, [String(limit)])));
    return lists.flatMap(asTexts);
  }

  async function dueOf(userId: string, limit: number): Promise<Due[]> {
    const shard = shardOf(userId);
    const touched = [keys.account, keys.reserving, keys.leftovers].map((key) => key(shard, userId));
    const reply = asTexts(await run('due', [...touched, keys.users(shard)], [userId, String(limit)]));
    const list: Due[] = [];
    for (let i = 0; i < reply.length; i += 2) {
      list.push({ sessionId: asText(reply[i]), userId, since: asNumber(reply[i + 1]) });
    }
    return list.sort(longestDueFirst);
  }

  async function recall({ sessionId, userId }: Due): Promise<Session | null> {
    const session = await find(sessionId);
    // Its state was lost (an eviction): nobody can say where its bytes are, so nobody can ever delete them.
    if (session === null) await takeOffList(sessionId, userId);
    return session;
  }

  async function takeOffList(sessionId: string, userId: string): Promise<void> {
    const shard = shardOf(userId);
    const touched = [keys.account, keys.reserving, keys.leftovers].map((key) => key(shard, userId));
    const names = [keys.state(sessionId), ...touched, keys.users(shard), keys.parts(sessionId)];
    await run('forget', names, [sessionId, userId]);
  }

  async function forget(sessionId: string): Promise<void> {
    const owner = await owners.of(sessionId);
    if (owner) await takeOffList(sessionId, owner.userId);
  }

  return { due, forget };
}

function longestDueFirst(a: Due, b: Due): number {
  return a.since - b.since;
}
