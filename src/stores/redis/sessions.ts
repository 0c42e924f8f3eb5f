import type { Cluster, Redis } from 'ioredis';
import type {
  Accounts,
  Concatenation,
  DueSessions,
  KnownAccounts,
  PartList,
  Probe,
  SessionDirectory,
  SessionStore,
} from '../../core/ports.ts';
import { shardOfSession } from '../../core/session-id.ts';
import { createAccounts } from './accounts.ts';
import { createAdmission } from './admission.ts';
import { withDeadline } from './call.ts';
import type { BreakerState } from './circuit-breaker.ts';
import { createCircuits } from './circuits.ts';
import { createConcatenation } from './concatenation.ts';
import { createOwners, type StoreContext } from './context.ts';
import { createDueSessions } from './due-sessions.ts';
import { keysWithPrefix } from './keys.ts';
import { createKnownAccounts } from './known-accounts.ts';
import { createLifecycle } from './lifecycle.ts';
import { createPartList } from './parts.ts';
import { loadScripts, type ObserveCommand } from './scripts.ts';
import { createSessionDirectory } from './session-directory.ts';

/** An answer is out within two seconds, store or no store (invariant E); the end of an upload asks twice. */
const DEADLINE_MS = 700;

export interface RedisSessionStoreDeps {
  readonly redis: Redis | Cluster;
  /** What all names of keys begin with. */
  readonly prefix?: string;
  /** The user's shard, the first three digits of all ids of his sessions. */
  readonly shardOf: (userId: string) => string;
  readonly observe?: ObserveCommand | undefined;
  /** How long a call may take, in milliseconds. */
  readonly deadlineMs?: number | undefined;
}

export type RedisSessionStore = SessionStore &
  Concatenation &
  Accounts &
  KnownAccounts &
  DueSessions &
  SessionDirectory &
  PartList &
  Probe & {
    /** Whether calls are refused without asking Redis. */
    breakerState(): BreakerState;
  };

/**
 * Sessions and reservations in Redis. Each operation is one script in one round trip, except the rare paths
 * of a lost account, a repeated idempotency key and a session this process has not seen before.
 * Throws `REDIS_CONNECTION_ERROR` within 1.5 s where Redis is away, hung or unable to write, and at once where
 * others have just found out.
 */
export function createRedisSessionStore(deps: RedisSessionStoreDeps): RedisSessionStore {
  const { redis, prefix = 'upload_session', shardOf, observe, deadlineMs = DEADLINE_MS } = deps;
  const keys = keysWithPrefix(prefix);
  const owners = createOwners(redis, keys, shardOf);
  const context: StoreContext = { redis, keys, shardOf, owners, run: loadScripts(redis, observe) };

  const lifecycle = createLifecycle(context);
  const accounts = createAccounts(context, lifecycle.find);
  const { admit } = createAdmission({ ...context, find: lifecycle.find, read: accounts.read });
  const known = createKnownAccounts({ ...context, client: redis, prefix, read: accounts.read }, deadlineMs);
  const { parts } = createPartList(context);
  const { merge } = createConcatenation(context);
  const circuits = createCircuits(redis);
  const inTime = <T>(shard: string, work: () => Promise<T>) =>
    circuits.of(shard).run(() => withDeadline(deadlineMs, work()));
  const dueSessions = createDueSessions({ ...context, deadlineMs, inTime });
  const ofUser = <T>(userId: string, work: () => Promise<T>) => inTime(shardOf(userId), work);
  const ofSession = <T>(sessionId: string, work: () => Promise<T>) => inTime(shardOfSession(sessionId), work);

  return {
    name: 'session_store',
    backend: 'redis',
    breakerState: circuits.state,
    check: () => withDeadline(deadlineMs, circuits.check()),
    admit: (admission) => ofUser(admission.userId, () => admit(admission)),
    find: (id) => ofSession(id, () => lifecycle.find(id)),
    take: (id, writer) => ofSession(id, () => lifecycle.take(id, writer)),
    commit: (id, epoch, progress) => ofSession(id, () => lifecycle.commit(id, epoch, progress)),
    merge: (id, epoch, joined, partials) => ofSession(id, () => merge(id, epoch, joined, partials)),
    finish: (id, completion) => ofSession(id, () => lifecycle.finish(id, completion)),
    end: (id, ending) => ofSession(id, () => lifecycle.end(id, ending)),
    read: (userId) => ofUser(userId, () => accounts.read(userId)),
    load: (account, asked, settled) => ofUser(account.userId, () => accounts.load(account, asked, settled)),
    liveSessions: (userId) => ofUser(userId, () => accounts.liveSessions(userId)),
    knownAccounts: known.knownAccounts,
    recount: (userId) => ofUser(userId, () => known.recount(userId)),
    ...dueSessions,
    ...createSessionDirectory(context, deadlineMs),
    parts: (id) => ofSession(id, () => parts(id)),
  };
}
