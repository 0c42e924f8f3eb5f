import type { Accounts, SessionStore } from '../../core/ports.ts';
import type { Session } from '../../core/session.ts';
import { kindOf, rethrow, type StoreContext, withSums } from './context.ts';
import { nameOfSession, sessionOfName } from './names.ts';
import { asQuota, asSessionIds } from './replies.ts';

export function createAccounts(context: StoreContext, find: SessionStore['find']): Accounts {
  const { redis, run, keys, shardOf } = context;

  return {
    async read(userId) {
      const owner = { shard: shardOf(userId), userId };
      const touched = [keys.account, keys.reserving, keys.leftovers].map((key) => key(owner.shard, userId));
      const reply = await withSums(context, owner, () => run('read', touched, []));
      if (kindOf(reply) === 'need_account')
        return { kind: 'need_account', sealed: asSessionIds(owner.shard, reply[1]) };
      return { kind: 'known', quota: asQuota(reply[1]), sealed: asSessionIds(owner.shard, reply[2]) };
    },

    async load(account, asked, settled) {
      const owner = { shard: shardOf(account.userId), userId: account.userId };
      const touched = [keys.account, keys.reserving].map((key) => key(owner.shard, owner.userId));
      const args = [
        String(account.limitBytes),
        String(account.usedBytes),
        String(account.periodStart),
        String(account.periodEnd),
        String(account.version),
        String(asked.length),
        ...asked.map(nameOfSession),
        ...settled.flatMap(({ sessionId, bytes }) => [nameOfSession(sessionId), String(bytes)]),
      ];
      const reply = await withSums(context, owner, () => run('load', touched, args));
      if (kindOf(reply) === 'need_account')
        return { kind: 'need_account', sealed: asSessionIds(owner.shard, reply[1]) };
      return { kind: 'loaded' };
    },

    async liveSessions(userId) {
      const shard = shardOf(userId);
      const names = await redis.zrange(keys.reserving(shard, userId), 0, '-1').catch(rethrow);
      const found = await Promise.all(names.map((name) => find(sessionOfName(shard, name))));
      return found
        .filter((one) => one !== null)
        .filter(isLive)
        .sort(newestFirst);
    },
  };
}

function isLive({ status }: Session): boolean {
  return status === 'active';
}

function newestFirst(a: Session, b: Session): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.sessionId < b.sessionId ? 1 : -1;
}
