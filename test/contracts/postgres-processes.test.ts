import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { createPostgresLedger } from '../../src/stores/postgres/ledger.ts';
import { createTestDatabase } from '../helpers/postgres.ts';
import { newSession, newUser } from './ledger/harness.ts';

const SETTLER = new URL('../helpers/postgres-settler.ts', import.meta.url);

test('postgresql ledger: two processes that settle the same 200 sessions at once count each once', async () => {
  const database = await createTestDatabase();
  const userId = newUser();
  const sessions = Array.from({ length: 200 }, newSession);
  // Not a test file, though a child of one.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const processes = [1, 2].map(() => fork(SETTLER, [database.url, userId, '3', ...sessions], { env }));
  try {
    await Promise.all(processes.map((one) => once(one, 'message')));
    const answers = processes.map(async (one) => {
      const [answer] = await once(one, 'message');
      return answer;
    });
    for (const one of processes) one.send('go');
    const [first, second] = await Promise.all(answers);
    assert.equal(first.length, sessions.length);
    assert.deepEqual(first, second, 'each session has one completion, told to both alike');

    const ledger = createPostgresLedger({
      databaseUrl: database.url,
      defaultLimitBytes: 1_000_000,
      periodMs: 86_400_000,
      deadlineMs: 60_000,
    });
    const { account, settled } = await ledger.account(userId, sessions);
    await ledger.close();
    assert.equal(account.usedBytes, 600);
    assert.equal(account.version, 1 + sessions.length);
    assert.equal(settled.length, sessions.length);
    const [told] = await database.query('select count(*)::int as n from outbox');
    assert.equal(told?.n, sessions.length);
  } finally {
    for (const one of processes) one.kill('SIGKILL');
    await database.drop();
  }
});
