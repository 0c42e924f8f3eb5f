import { deriveKey } from '../../src/config/secret-key.ts';
import { newSessionId, shardOfUser } from '../../src/core/session-id.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { keysWithPrefix } from '../../src/stores/redis/keys.ts';
import { createRedisSessionStore } from '../../src/stores/redis/sessions.ts';
import { CONTEXT, FILE_SIZE, newUsers } from './users.ts';

const SESSIONS_PER_USER = 10;
/** Commands under way at once. */
const WIDTH = 256;
/** Users that are looked at to see how far a sweep is: few where that is done again and again, many where it is timed. */
const WATCHED = 100;
export const MOST_WATCHED = 2000;
const DAY_MS = 86_400_000;

/** Sessions put into a Redis by the service's own store, as the embedded profile would find them. */
export interface LiveSessions {
  /** Share of them whose users have none left that is live or waits for the sweeper: 0 to 1, from so many users. */
  swept(users?: number): Promise<number>;
  /** Bytes that Redis says it uses, for the data and everything around them. */
  usedBytes(): Promise<number>;
  /** Put so many there, ten to a user. They expire at that moment, or after an hour. */
  fill(count: number, expireAt?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function openLiveSessions(port: number): Promise<LiveSessions> {
  const redis = connectRedis({ host: '127.0.0.1', port });
  await untilReady(redis, 5000);
  const idKey = deriveKey('embedded', 'session-id-shard');
  const shardOf = (user: string) => shardOfUser(idKey, user);
  const store = createRedisSessionStore({ redis, shardOf });
  const keys = keysWithPrefix('upload_session');
  let watched: string[] = [];

  async function addUser(userId: string, count: number, expireAt: number | undefined): Promise<void> {
    const now = Date.now();
    const period = { periodStart: now, periodEnd: now + 30 * DAY_MS, version: 1 };
    await store.load({ userId, limitBytes: 2 ** 50, usedBytes: 0, ...period }, [], []);
    for (let n = 0; n < count; n += 1) {
      const ttlMs = expireAt === undefined ? 3_600_000 : Math.max(1, expireAt - Date.now());
      const result = await store.admit({
        sessionId: newSessionId(shardOf(userId)),
        userId,
        draft: {
          dashboardContext: JSON.stringify(CONTEXT),
          expectedFileSize: FILE_SIZE,
          fileFormat: 'mp4',
          filename: 'holiday.mp4',
          sha256: null,
          uploadMetadata: null,
        },
        requestedBytes: FILE_SIZE,
        maxFileSize: 2 ** 40,
        maxActiveSessions: 10_000,
        ttlMs,
        maxLifetimeMs: DAY_MS,
        idempotency: null,
      });
      if (result.kind !== 'admitted') throw new Error(`a session was not admitted: ${result.kind}`);
    }
  }

  return {
    async fill(count, expireAt) {
      const users = newUsers(Math.ceil(count / SESSIONS_PER_USER));
      watched = users.slice(0, MOST_WATCHED);
      const queue = users.values();
      await Promise.all(
        Array.from({ length: WIDTH }, async () => {
          for (const user of queue) await addUser(user, SESSIONS_PER_USER, expireAt);
        }),
      );
    },

    async swept(users = WATCHED) {
      const looked = watched.slice(0, users);
      const left = await Promise.all(
        looked.map(async (user) => {
          const [live, due] = await Promise.all([
            redis.zcard(keys.reserving(shardOf(user), user)),
            redis.zcard(keys.leftovers(shardOf(user), user)),
          ]);
          return live + due;
        }),
      );
      return left.filter((count) => count === 0).length / Math.max(1, looked.length);
    },

    async usedBytes() {
      const bytes = /used_memory:(\d+)/.exec(await redis.info('memory'))?.[1];
      return Number(bytes);
    },

    stop: async () => redis.disconnect(),
  };
}
