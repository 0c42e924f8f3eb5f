import { join } from 'node:path';
import { newSessionId } from '../../src/core/session-id.ts';
import { createSqliteSessionStore } from '../../src/stores/sqlite/sessions.ts';
import type { Alone } from './alone.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PLENTY = 2 ** 50;

/** The same in SQLite, embedded: the transaction of an admission, and nothing else. `folder`: where its file is. */
export function createAloneEmbedded(folder: string): Alone {
  const store = createSqliteSessionStore({
    file: join(folder, 'sessions.db'),
    clock: { now: () => Date.now() },
  });

  async function load(userId: string): Promise<void> {
    const now = Date.now();
    const period = { periodStart: now, periodEnd: now + 30 * DAY_MS };
    await store.load({ userId, limitBytes: PLENTY, usedBytes: 0, version: 1, ...period }, [], []);
  }

  return {
    async validate({ session_id: id }) {
      return { is_valid: true, session_status: await store.find(String(id)) };
    },

    async initiate(asked) {
      const userId = String(asked.user_id);
      const size = Number(asked.expected_file_size);
      const admission = {
        ...{ sessionId: newSessionId('000'), userId, requestedBytes: size, idempotency: null },
        ...{ maxFileSize: 2 ** 40, maxActiveSessions: 10_000, ttlMs: HOUR_MS, maxLifetimeMs: DAY_MS },
        draft: {
          dashboardContext: JSON.stringify(asked.dashboard_context),
          expectedFileSize: size,
          fileFormat: String(asked.file_format),
          filename: String(asked.filename),
          ...{ sha256: null, uploadMetadata: null },
        },
      };
      for (;;) {
        const result = await store.admit(admission);
        if (result.kind === 'need_account') await load(userId);
        else if (result.kind !== 'admitted') throw new Error(`admit says ${result.kind}`);
        else {
          const { session, quota } = result;
          return { session_id: session.sessionId, upload_url: `/v1/uploads/${session.sessionId}`, quota };
        }
      }
    },
  };
}
