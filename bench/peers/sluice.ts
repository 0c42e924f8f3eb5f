import { startServiceProcess } from '../../scripts/lib/service-process.ts';
import type { Running } from '../harness/contract.ts';

/**
 * Ours, as `npm start` runs it, with all it ships with: SHA-256 of every file, recognition of its format, the file
 * forced to the disk before it counts as complete. Limits that would refuse what a benchmark does are wide.
 */
export async function startSluice(
  options: {
    readonly redisPort?: number;
    readonly folder?: string;
    readonly env?: Record<string, string>;
  } = {},
): Promise<Running> {
  const { redisPort, folder, env } = options;
  const service = await startServiceProcess({
    ...(folder === undefined ? {} : { dataDir: folder }),
    env: {
      LOG_LEVEL: 'error',
      UPLOAD_MAX_ACTIVE_SESSIONS: '10000',
      UPLOAD_DEFAULT_QUOTA: String(2 ** 50),
      UPLOAD_MAX_FILE_SIZE: String(2 ** 40),
      ...(redisPort === undefined ? {} : { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redisPort) }),
      ...env,
    },
  });
  return {
    url: service.url,
    get pid() {
      return service.pid;
    },
    token: service.token,
    stop: service.stop,
  };
}
