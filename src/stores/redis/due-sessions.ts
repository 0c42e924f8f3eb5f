import type { DueSessions } from '../../core/ports.ts';
import type { Session } from '../../core/session.ts';
import { allShards } from '../../core/session-id.ts';
import { withDeadline } from './call.ts';
import { type OwnedSession, rethrow, type StoreContext } from './context.ts';
import { nameOfSession, nameOfUser, sessionOfName, userOfName } from './names.ts';
import { asList, asNumber, asSession, asText, asTexts } from './replies.ts';

/** Shards asked at once: few at first, which is enough where much is due, then more. */
const FEWEST_SHARDS_PER_STEP = 16;
const MOST_SHARDS_PER_STEP = 256;
/** Users of them looked at in detail at once. */
const USERS_PER_STEP = 32;
/** Sessions of one script: enough to share its cost, few enough that nobody at Redis waits a millisecond for it. */
const SESSIONS_PER_CALL = 32;

interface Due extends OwnedSession {
  readonly since: number;
}

interface Recalled {
  readonly session: Session;
  readonly since: number;
}

interface Deps extends StoreContext {
  readonly deadlineMs: number;
  /** Within its deadline, and only while the server that has this shard answers. */
  readonly inTime: <T>(shard: string, work: () => Promise<T>) => Promise<T>;
}

/**
 * The sweeper's walk over all shards: one look at a small set each, and more only for users who have something
 * due. A walk stops when it has enough, and the next one starts behind the last shard it took from,
 * so sessions that stay due (their bytes cannot be deleted now) never keep it from the others.
 *
 * Sessions are read, ended and forgotten some at a time, whoever owns them: by one script for a shard of a Cluster, and
 * for any of them where there is one Redis.
 */
export function createDueSessions(deps: Deps): DueSessions {
  const { redis, run, keys, shardOf, owners, deadlineMs, inTime } = deps;
  const shards = [...allShards()];
  let start = 0;
  /** What one script may be about. */
  const scopeOf = (userId: string) => (redis.isCluster ? shardOf(userId) : '');

  async function due(limit: number): Promise<Session[]> {
    const round = [...shards.slice(start), ...shards.slice(0, start)];
    const found: Due[] = [];
    let step = FEWEST_SHARDS_PER_STEP;
    while (round.length > 0 && found.length < limit) {
      const users = await withDeadline(deadlineMs, usersDue(round.splice(0, step), limit));
      step = Math.min(2 * step, MOST_SHARDS_PER_STEP);
      while (users.length > 0 && found.length < limit) {
        found.push(...(await withDeadline(deadlineMs, dueOf(users.splice(0, USERS_PER_STEP), limit))));
      }
    }
    const taken = found.slice(0, limit);
    const last = taken.at(-1);
    if (last) start = (shards.indexOf(shardOf(last.userId)) + 1) % shards.length;
    const recalled = await withDeadline(deadlineMs, Promise.all(callsFor(taken).map(recall)));
    return recalled
      .flat()
      .sort(longestDueFirst)
      .map(({ session }) => session);
  }

  /** Users of these shards who may have something due, shard by shard. */
  async function usersDue(step: readonly string[], limit: number): Promise<string[]> {
    const sets = step.map(keys.users);
    const groups = redis.isCluster ? sets.map((set) => [set]) : [sets];
    const lists = await Promise.all(groups.map((group) => run('due-users', group, [String(limit)])));
    return lists.flatMap((list) => asTexts(list).map(userOfName));
  }

  async function dueOf(users: readonly string[], limit: number): Promise<Due[]> {
    const lists = await Promise.all(
      groupedBy(users, scopeOf).map(async (group) => {
        const counted = group.flatMap((userId) => [nameOfUser(userId), '0']);
        const reply = await run('due', group.flatMap(keysOfUser), [
          String(group.length),
          ...counted,
          String(limit),
        ]);
        return asList(reply).flatMap((list, n) =>
          asDue(shardOf(group[n] ?? ''), group[n] ?? '', asTexts(list)),
        );
      }),
    );
    return lists.flat();
  }

  async function recall(called: readonly Due[]): Promise<Recalled[]> {
    const names = called.flatMap(({ sessionId }) => [keys.document(sessionId), keys.state(sessionId)]);
    const replies = asList(await run('recall', names, []));
    const sessions: Recalled[] = [];
    const lost: OwnedSession[] = [];
    for (const [n, one] of called.entries()) {
      const reply = replies[n] ?? null;
      owners.remember(one.sessionId, one.userId);
      if (reply === null) lost.push(one);
      else sessions.push({ session: asSession(one.sessionId, reply), since: one.since });
    }
    // Their state was lost (an eviction): nobody can say where their bytes are, so nobody can ever delete them.
    if (lost.length > 0) await takeOffList(lost);
    return sessions;
  }

  async function takeOffList(called: readonly OwnedSession[]): Promise<void> {
    await runFor('forget', called, (sessionId) => [keys.state(sessionId), keys.parts(sessionId)]);
  }

  /** What of a batch goes into one call, a user's sessions side by side. */
  function callsFor<S extends OwnedSession>(sessions: readonly S[]): (readonly S[])[] {
    const byUser = groupedBy(sessions, ({ userId }) => userId).flat();
    return groupedBy(byUser, ({ userId }) => scopeOf(userId)).flatMap((group) =>
      inChunks(group, SESSIONS_PER_CALL),
    );
  }

  /** KEYS and ARGV as `for_each_user` of shared.lua takes them. */
  function runFor(
    script: 'expire' | 'forget',
    called: readonly OwnedSession[],
    keysOfSession: (sessionId: string) => readonly string[],
  ): Promise<unknown> {
    const perUser = groupedBy(called, ({ userId }) => userId);
    const ids = perUser.map((own) => own.map(({ sessionId }) => sessionId));
    const users = perUser.map(([first]) => first?.userId ?? '');
    return run(
      script,
      [...users.flatMap(keysOfUser), ...ids.flat().flatMap(keysOfSession)],
      [
        String(users.length),
        ...users.flatMap((userId, n) => [
          nameOfUser(userId),
          String(ids[n]?.length),
          ...(ids[n] ?? []).map(nameOfSession),
        ]),
      ],
    );
  }

  function keysOfUser(userId: string): string[] {
    const shard = shardOf(userId);
    return [
      keys.users(shard),
      keys.account(shard, userId),
      keys.reserving(shard, userId),
      keys.leftovers(shard, userId),
    ];
  }

  async function owned(sessionIds: readonly string[]): Promise<OwnedSession[]> {
    const found = await Promise.all(
      sessionIds.map(async (sessionId) => {
        const owner = await owners.of(sessionId);
        return owner && { sessionId, userId: owner.userId };
      }),
    );
    return found.filter((one) => one !== null);
  }

  /** In calls, each for itself: what one server cannot do now the others do. Throws where one failed. */
  async function inCalls<T>(
    sessionIds: readonly string[],
    call: (called: readonly OwnedSession[]) => Promise<T>,
  ): Promise<T[]> {
    const shardOfFirst = (called: readonly OwnedSession[]) => shardOf(called[0]?.userId ?? '');
    const sessions = await withDeadline(deadlineMs, owned(sessionIds).catch(rethrow));
    const calls = callsFor(sessions);
    return Promise.all(calls.map((called) => inTime(shardOfFirst(called), () => call(called))));
  }

  return {
    due,

    async expire(sessionIds) {
      const ended = await inCalls(sessionIds, async (called) => {
        const names = new Set(
          asTexts(await runFor('expire', called, (sessionId) => [keys.state(sessionId)])),
        );
        return called.map((one) => one.sessionId).filter((sessionId) => names.has(nameOfSession(sessionId)));
      });
      return new Set(ended.flat());
    },

    async forget(...sessionIds) {
      await inCalls(sessionIds, takeOffList);
    },
  };
}

function asDue(shard: string, userId: string, reply: readonly string[]): Due[] {
  const list: Due[] = [];
  for (let i = 0; i < reply.length; i += 2) {
    list.push({ sessionId: sessionOfName(shard, asText(reply[i])), userId, since: asNumber(reply[i + 1]) });
  }
  return list.sort(longestDueFirst);
}

function longestDueFirst(a: { since: number }, b: { since: number }): number {
  return a.since - b.since;
}

/** Items of the same name together, in the order in which each name first came. */
function groupedBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Item[][] {
  return [...Map.groupBy(items, nameOf).values()];
}

function inChunks<Item>(items: readonly Item[], most: number): Item[][] {
  const chunks: Item[][] = [];
  for (let at = 0; at < items.length; at += most) chunks.push(items.slice(at, at + most));
  return chunks;
}
