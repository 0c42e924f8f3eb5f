import { chromiumProgram } from './chromium.ts';
import { postgresServer } from './postgres.ts';
import { redisServer } from './redis.ts';
import { s3Server } from './s3.ts';
import type { TestServer } from './server.ts';

/** Everything `npm test` starts before the first test. */
export const testServers: readonly TestServer[] = [redisServer, postgresServer, s3Server, chromiumProgram];
