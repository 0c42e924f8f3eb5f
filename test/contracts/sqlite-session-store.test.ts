import { sessionStoreContract } from './session-store/suite.ts';
import { sqliteHarness } from './sqlite/session-harness.ts';

sessionStoreContract('sqlite session store', sqliteHarness, { losesAccounts: true });
