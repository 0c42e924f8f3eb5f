import { protocolSuite } from './suite.ts';

protocolSuite('Redis and disk');
