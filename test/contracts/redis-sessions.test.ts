import { sharedRedisPort } from '../helpers/redis.ts';
import { PATIENT_MS, redisHarness } from './session-store/redis-harness.ts';
import { sessionStoreContract } from './session-store/suite.ts';

sessionStoreContract('redis', () => redisHarness(sharedRedisPort(), PATIENT_MS), { losesAccounts: true });
