import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { createClient, type StartedSession } from './client.ts';
import { folderFor, type ServiceProcess, serviceFor, sharedRedis } from './service.ts';
import { filesOfSession, sha256OfFile } from './stored-files.ts';
import { sha256 } from './videos.ts';

export type TwoServices = Awaited<ReturnType<typeof twoServices>>;

/**
 * Two processes of one service: one Redis, one folder, one secret. What they keep is gone after the test.
 * `digestsOf`: the digest of each thing that is stored of a session, where that is not in the folder.
 */
export async function twoServices(
  t: TestContext,
  more: Readonly<Record<string, string>> = {},
  digestsOf?: (sessionId: string) => Promise<string[]>,
) {
  const redis = sharedRedis();
  const dataDir = await folderFor(t);
  const env = { ...redis.env, SECRET_KEY: randomUUID() + randomUUID(), ...more };
  const [first, second] = await Promise.all([
    serviceFor(t, { dataDir, env }),
    serviceFor(t, { dataDir, env }),
  ]);
  t.after(async () => {
    const connection = new Redis({ host: '127.0.0.1', port: redis.port });
    const keys = await connection.keys(`${redis.prefix}:*`);
    if (keys.length > 0) await connection.unlink(keys);
    connection.disconnect();
  });
  const user = randomUUID();
  const client = createClient(first, user);

  /** The session's URL at one of the two. */
  function at(service: ServiceProcess, session: StartedSession): URL {
    return new URL(`${session.url.pathname}${session.url.search}`, service.url);
  }

  /** Completed, exactly `file` on the disk and nothing else, counted once. */
  async function assertCompleted(session: StartedSession, file: Buffer, used = file.length): Promise<void> {
    const { body } = await client.status(session.id);
    assert.equal(body.status, 'completed');
    assert.equal(body.sha256, sha256(file));
    const files = filesOfSession(dataDir, session.id);
    const digests = await (digestsOf?.(session.id) ?? Promise.all(files.map(sha256OfFile)));
    assert.deepEqual(digests, [sha256(file)], 'one file is left, and it is the one that was sent');
    const quota = await client.quota();
    assert.deepEqual({ used: quota.quota_used, reserved: quota.quota_reserved }, { used, reserved: 0 });
  }

  return { first, second, user, client, at, assertCompleted };
}
