import type {
  Accounts,
  Concatenation,
  DueSessions,
  PartList,
  Probe,
  SessionStore,
} from '../../core/ports.ts';
import { createAccounts } from './accounts.ts';
import { createAdmission } from './admission.ts';
import { withDeadline } from './call.ts';
import { createConcatenation } from './concatenation.ts';
import type { RedisClient } from './connect.ts';
import { createOwners, rethrow, type StoreContext } from './context.ts';
import { createDueSessions } from './due-sessions.ts';
import { keysWithPrefix } from './keys.ts';
import { createLifecycle } from './lifecycle.ts';
import { createPartList } from './parts.ts';
import { loadScripts } from './scripts.ts';

/** An answer is out within two seconds, store or no store (invariant E); this leaves some of it to the rest. */
const DEADLINE_MS = 1500;

export interface RedisSessionStoreDeps {
  readonly redis: RedisClient;
  /** What all names of keys begin with. */
  readonly prefix?: string;
  /** The user's shard, the first three digits of all ids of his sessions. */
  readonly shardOf: (userId: string) => string;
}

export type RedisSessionStore = SessionStore & Concatenation & Accounts & DueSessions & PartList & Probe;

/**
 * Sessions and reservations in Redis. Each operation is one script in one round trip, except the rare paths
 * of a lost account, a repeated idempotency key and a session this process has not seen before.
 * Throws `REDIS_CONNECTION_ERROR` within 1.5 s where Redis is away, hung or unable to write.
 */
export function createRedisSessionStore(deps: RedisSessionStoreDeps): RedisSessionStore {
  const { redis, prefix = 'upload_session', shardOf } = deps;
  const keys = keysWithPrefix(prefix);
  const owners = createOwners(redis, keys, shardOf);
  const context: StoreContext = { redis, keys, shardOf, owners, run: loadScripts(redis) };

  const lifecycle = createLifecycle(context);
  const accounts = createAccounts(context, lifecycle.find);
  const { admit } = createAdmission({ ...context, find: lifecycle.find, read: accounts.read });
  const { due, forget } = createDueSessions(context, lifecycle.find, DEADLINE_MS);
  const { parts } = createPartList(context);
  const { merge } = createConcatenation(context);
  const inTime = <T>(work: Promise<T>) => withDeadline(DEADLINE_MS, work);

  return {
    name: 'session_store',
    backend: 'redis',
    check: async () => void (await inTime(redis.ping().catch(rethrow))),
    admit: (admission) => inTime(admit(admission)),
    find: (sessionId) => inTime(lifecycle.find(sessionId)),
    take: (sessionId, writer) => inTime(lifecycle.take(sessionId, writer)),
    commit: (sessionId, epoch, progress) => inTime(lifecycle.commit(sessionId, epoch, progress)),
    merge: (sessionId, epoch, joined, partials) => inTime(merge(sessionId, epoch, joined, partials)),
    finish: (sessionId, completion) => inTime(lifecycle.finish(sessionId, completion)),
    end: (sessionId, ending) => inTime(lifecycle.end(sessionId, ending)),
    read: (userId) => inTime(accounts.read(userId)),
    load: (account, asked, settled) => inTime(accounts.load(account, asked, settled)),
    liveSessions: (userId) => inTime(accounts.liveSessions(userId)),
    due,
    parts: (sessionId) => inTime(parts(sessionId)),
    forget: (sessionId) => inTime(forget(sessionId)),
  };
}
