import { Cluster, type Redis } from 'ioredis';
import type { Accounts, KnownAccounts } from '../../core/ports.ts';
import { withDeadline } from './call.ts';
import { rethrow, type StoreContext } from './context.ts';
import { asNumber } from './replies.ts';

/** Keys that Redis looks at in one step; others wait that long. */
const SCANNED_AT_ONCE = 500;

interface Deps extends StoreContext {
  readonly client: Redis | Cluster;
  readonly prefix: string;
  readonly read: Accounts['read'];
}

/** `KnownAccounts`: no list of accounts is kept, so all keys are walked through, a few at a time. */
export function createKnownAccounts({ client, prefix, ...context }: Deps, deadlineMs: number): KnownAccounts {
  const { run, keys, shardOf, read } = context;
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:{*}:[ux]:*`;

  async function* namesAt(server: Redis): AsyncGenerator<string[]> {
    let cursor = '0';
    do {
      const step = server.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE).catch(rethrow);
      const [next, names] = await withDeadline(deadlineMs, step);
      yield names;
      cursor = next;
    } while (cursor !== '0');
  }

  /**
   * A user has two such keys, of which either may be missing, and they may come in different steps: he is told of
   * with his account, and with his reservations only where there is no account.
   */
  async function usersOf(server: Redis, names: readonly string[]): Promise<string[]> {
    const users = new Set(names.filter((name) => !isReserving(name)).map(userOf));
    const alone = names.filter((name) => isReserving(name) && !users.has(userOf(name)));
    const accounts = alone.map((name) => server.exists(accountBeside(name)).catch(rethrow));
    const found = await withDeadline(deadlineMs, Promise.all(accounts));
    for (const [n, name] of alone.entries()) if (found[n] === 0) users.add(userOf(name));
    return [...users];
  }

  return {
    async *knownAccounts() {
      const servers = client instanceof Cluster ? client.nodes('master') : [client];
      for (const server of servers) {
        for await (const names of namesAt(server)) {
          const users = await usersOf(server, names);
          if (users.length > 0) yield users;
        }
      }
    },

    async recount(userId) {
      const shard = shardOf(userId);
      const was = await run('recount', [keys.account(shard, userId), keys.reserving(shard, userId)], []);
      if (was === null) return null;
      // Whoever needs the sum makes it anew, from the sessions.
      const account = await read(userId);
      return account.kind === 'known' ? Math.abs(asNumber(was) - account.quota.reservedBytes) : 0;
    },
  };
}

const RESERVING = ':x:';
const userOf = (name: string) => name.slice(name.lastIndexOf(':') + 1);
const isReserving = (name: string) => name.slice(0, name.lastIndexOf(':') + 1).endsWith(RESERVING);
const accountBeside = (name: string) =>
  `${name.slice(0, -userOf(name).length - RESERVING.length)}:u:${userOf(name)}`;
