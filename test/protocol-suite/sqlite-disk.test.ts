import { protocolSuite } from './suite.ts';

protocolSuite('SQLite and disk');
