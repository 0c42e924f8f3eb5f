import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import {
  initiateBody,
  P,
  signToken,
  startApp,
  TEST_SECRET,
  type TestApp,
  type TestRequest,
} from '../helpers/app.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { eventually } from '../helpers/redis.ts';

/** Where sessions and ledger are: all stores take part. */
export const PLACES = ['sqlite', 'redis and postgresql'] as const;

export interface AdminApp extends TestApp {
  /** As `call`, by an administrator. */
  admin(path: string, init?: TestRequest): ReturnType<TestApp['call']>;
  readonly adminToken: string;
  /** Environment of a command on the same stores. */
  readonly commandEnv: Readonly<Record<string, string>>;
  /** For another instance on the same stores. */
  readonly redisPrefix: string;
  readonly databaseUrl: string;
  /** Token of another user. */
  tokenOf(userId: string): Promise<string>;
  /** A live session of so many bytes. Gives its id. */
  open(userId: string, bytes: number): Promise<string>;
  /** A user who has used so many bytes. */
  user(usedBytes: number): Promise<string>;
}

export async function startAdminApp(t: TestContext, place: (typeof PLACES)[number]): Promise<AdminApp> {
  const env: Record<string, string> = {};
  if (place !== 'sqlite') {
    const database = await createTestDatabase();
    t.after(() => database.drop());
    env.DATABASE_URL = database.url;
  }
  const redisPrefix = `test_${randomUUID().slice(0, 8)}`;
  const app = await startApp(t, { ...(place === 'sqlite' ? {} : { store: 'redis', redisPrefix }), env });
  const adminToken = await signToken({ user_id: randomUUID(), permissions: ['manage_quota'] });
  const tokenOf = (userId: string) => signToken({ user_id: userId });
  return {
    ...app,
    adminToken,
    commandEnv: {
      ...{ DATA_DIR: app.dataDir, SECRET_KEY: TEST_SECRET, ...env },
      ...(place !== 'sqlite' && {
        ...{ REDIS_HOST: '127.0.0.1', REDIS_KEY_PREFIX: redisPrefix },
        REDIS_PORT: process.env.SLUICE_TEST_REDIS_PORT ?? '',
      }),
    },
    redisPrefix,
    databaseUrl: env.DATABASE_URL ?? '',
    tokenOf,
    admin: (path, init) => app.call(`/v1/admin${path}`, { token: adminToken, ...init }),
    async open(userId, bytes) {
      const json = initiateBody({ expected_file_size: bytes });
      const { body } = await app.call(`${P}/initiate`, { token: await tokenOf(userId), json });
      return body.session_id;
    },
    async user(usedBytes) {
      const userId = randomUUID();
      const { ledger } = app.service.stores;
      const settlement = settlementOf(userId, usedBytes);
      // The ledger's deadline is short for a machine that stands still; asking again is safe.
      await eventually(60_000, () => ledger.account(userId, []));
      if (usedBytes > 0) await eventually(60_000, () => ledger.settle(settlement));
      return userId;
    },
  };
}

function settlementOf(userId: string, bytes: number) {
  const sessionId = randomUUID();
  return {
    ...{ sessionId, userId, bytes, format: 'mp4', sha256: 'ab'.repeat(32), storageKey: sessionId },
    ...{ filename: null, dashboardContext: '{}', createdAt: Date.now() },
  };
}
