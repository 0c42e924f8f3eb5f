import { createPostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { settlementOf } from '../contracts/ledger/harness.ts';

/**
 * A process of its own that settles sessions, for tests of several instances. Arguments: database, user, bytes
 * of each, sessions. Says "ready" to its parent, begins when it is told to, then says what it was answered.
 */
const AT_ONCE = 20;
const [databaseUrl = '', userId = '', bytes = '0', ...sessions] = process.argv.slice(2);
const ledger = createPostgresLedger({
  databaseUrl,
  defaultLimitBytes: 1_000_000,
  periodMs: 86_400_000,
  deadlineMs: 60_000,
});
await ledger.check();
process.once('message', async () => {
  const answers: unknown[] = [];
  // Some at once, not all: each has two seconds, whatever the machine.
  for (let from = 0; from < sessions.length; from += AT_ONCE) {
    const batch = sessions.slice(from, from + AT_ONCE);
    answers.push(
      ...(await Promise.all(batch.map((id) => ledger.settle(settlementOf(id, userId, Number(bytes)))))),
    );
  }
  process.send?.(answers);
  await ledger.close();
  process.disconnect?.();
});
process.send?.('ready');
