import { protocolSuite } from './suite.ts';

protocolSuite('Redis and S3');
