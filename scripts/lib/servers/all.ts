import { redisServer } from './redis.ts';
import type { TestServer } from './server.ts';

/** Everything `npm test` starts before the first test. */
export const testServers: readonly TestServer[] = [redisServer];
