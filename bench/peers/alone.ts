import { newSessionId, shardOfUser } from '../../src/core/session-id.ts';
import type { RedisClient } from '../../src/stores/redis/connect.ts';
import { keysWithPrefix } from '../../src/stores/redis/keys.ts';
import { nameOfSession, nameOfUser } from '../../src/stores/redis/names.ts';
import { loadScripts } from '../../src/stores/redis/scripts.ts';

/** What *bare* and *fastify* do for a request, and nothing else: their sessions are of no use to anybody. */
export interface Alone {
  /** The admission script, once; for a new user a second script. `asked`: the body of initiate, with `user_id`. */
  initiate(asked: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** One HGETALL. */
  validate(asked: Readonly<Record<string, unknown>>): Promise<unknown>;
}

const DAY_MS = 86_400_000;

/** @param prefix of the keys, and secret of the shards. */
export function createAlone(redis: RedisClient, prefix: string): Alone {
  const run = loadScripts(redis);
  const keys = keysWithPrefix(prefix);
  const shards = new Map<string, string>();

  function shardOf(user: string): string {
    const known = shards.get(user) ?? shardOfUser(Buffer.from(prefix), user);
    shards.set(user, known);
    return known;
  }

  return {
    async validate({ session_id: id }) {
      return { is_valid: true, session_status: await redis.hgetall(keys.state(String(id))) };
    },

    async initiate(asked) {
      const user = String(asked.user_id);
      const shard = shardOf(user);
      const id = newSessionId(shard);
      const document = `\n${JSON.stringify(asked.dashboard_context)}`;
      const touched = [keys.document(id), keys.state(id), keys.account(shard, user)];
      touched.push(keys.reserving(shard, user), keys.leftovers(shard, user), keys.users(shard));
      touched.push(keys.listened(shard, user));
      const size = String(asked.expected_file_size);
      const limits = [size, String(2 ** 40), '10000', '3600000', String(DAY_MS), size, '', ''];
      for (;;) {
        const reply = await run('admit', touched, [nameOfSession(id), nameOfUser(user), document, ...limits]);
        if (!Array.isArray(reply)) throw new TypeError('admit returned no list');
        if (reply[0] === 'need_account') {
          const now = Date.now();
          const account = [String(2 ** 50), '0', String(now), String(now + 30 * DAY_MS), '1', '0'];
          await run('load', [keys.account(shard, user), keys.reserving(shard, user)], account);
          continue;
        }
        if (reply[0] !== 'admitted') throw new Error(`admit returned ${reply[0]}`);
        return { session_id: id, upload_url: `/v1/uploads/${id}`, session: reply[2], quota: reply[3] };
      }
    },
  };
}
