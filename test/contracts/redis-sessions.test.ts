import { sharedRedisPort } from '../helpers/redis.ts';
import { redisHarness } from './session-store/redis-harness.ts';
import { sessionStoreContract } from './session-store/suite.ts';

sessionStoreContract('redis', () => redisHarness(sharedRedisPort()), { losesAccounts: true });
