import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Cluster, type Redis } from 'ioredis';
import { createRedisSessionStore, type RedisSessionStore } from '../../../src/stores/redis/sessions.ts';
import { connectedRedis } from '../../helpers/redis.ts';
import { type SessionStoreHarness, type SessionStorePorts, shardOf } from './harness.ts';

const SHIFT_TIMES = readFileSync(new URL('./shift-times.lua', import.meta.url), 'utf8');

export interface RedisHarness<Client extends Redis | Cluster = Redis> extends SessionStoreHarness {
  readonly redis: Client;
  readonly prefix: string;
  /** The adapter itself, without the translation of times. */
  readonly bare: RedisSessionStore;
}

/** For tests of what is answered, not of when: a machine that stands still for a second breaks no promise of theirs. */
export const PATIENT_MS = 30_000;

export async function redisHarness(port: number, deadlineMs?: number): Promise<RedisHarness> {
  return harnessOn(await connectedRedis(port), deadlineMs);
}

/**
 * A store under a prefix of its own. Redis' clock cannot be pushed, so `advance` moves what is stored into
 * the past and `store` adds that up on everything that goes in and comes out.
 */
export function harnessOn<Client extends Redis | Cluster>(
  redis: Client,
  deadlineMs?: number,
): RedisHarness<Client> {
  const servers: readonly Redis[] = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const prefix = `test-${randomUUID()}`;
  const bare = createRedisSessionStore({ redis, prefix, shardOf, deadlineMs });
  let passed = 0;
  const inside = <T>(value: T) => moveTimes(value, -passed);
  const outside = async <T>(value: Promise<T>) => moveTimes(await value, passed);
  const names = async () => (await Promise.all(servers.map((server) => server.keys(`${prefix}:*`)))).flat();

  const store: SessionStorePorts = {
    admit: (admission) => outside(bare.admit(admission)),
    find: (id) => outside(bare.find(id)),
    take: (id, writer) => outside(bare.take(id, writer)),
    commit: (id, epoch, progress) => outside(bare.commit(id, epoch, progress)),
    merge: (id, epoch, joined, partials) => outside(bare.merge(id, epoch, joined, partials)),
    finish: (id, completion) => outside(bare.finish(id, inside(completion))),
    end: (id, ending) => outside(bare.end(id, inside(ending))),
    read: (userId) => outside(bare.read(userId)),
    load: (account, asked, settled) => bare.load(inside(account), asked, settled),
    liveSessions: (userId) => outside(bare.liveSessions(userId)),
    knownAccounts: () => bare.knownAccounts(),
    recount: (userId) => bare.recount(userId),
    due: (limit) => outside(bare.due(limit)),
    reservingUsers: (after, limit) => bare.reservingUsers(after, limit),
    holdings: (userIds) => bare.holdings(userIds),
    expire: (ids) => bare.expire(ids),
    forget: (...ids) => bare.forget(...ids),
    parts: (id) => bare.parts(id),
  };

  return {
    redis,
    prefix,
    bare,
    store,
    async now() {
      const [seconds, micros] = await redis.time();
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) + passed;
    },
    async advance(ms) {
      await Promise.all(servers.map((server) => server.eval(SHIFT_TIMES, 0, prefix, ms)));
      passed += ms;
    },
    async loseAccount(userId) {
      await redis.del(`${prefix}:{${shardOf(userId)}}:u:${userId}`);
    },
    async keysWithoutTtl() {
      const all = await names();
      const left = await Promise.all(all.map((name) => redis.pttl(name)));
      return all.filter((_, i) => left[i] === -1);
    },
    async close() {
      if (redis.status === 'ready') {
        const all = await names();
        // One by one: a Cluster takes no command for several slots.
        await Promise.all(all.map((name) => redis.unlink(name)));
      }
      redis.disconnect();
    },
  };
}

const TIMES = new Set([
  'createdAt',
  'expiresAt',
  'completedAt',
  'resetAt',
  'retryAt',
  'now',
  'periodStart',
  'periodEnd',
  'holdReservationUntil',
]);

/** A copy in which every time, at whatever depth, lies `by` milliseconds later. */
function moveTimes<T>(value: T, by: number): T {
  if (Array.isArray(value)) return value.map((item) => moveTimes(item, by)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const moved = Object.entries(value).map(([name, inner]) =>
    TIMES.has(name) && typeof inner === 'number' ? [name, inner + by] : [name, moveTimes(inner, by)],
  );
  return Object.fromEntries(moved) as T;
}
